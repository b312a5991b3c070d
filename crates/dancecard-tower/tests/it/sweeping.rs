//! Purging in the background, on a clock that the test moves.

use std::time::Duration;

use dancecard_core::TokenAction;
use dancecard_testkit::Fault;
use dancecard_testkit::Operation::Purge;
use dancecard_tower::Sweeper;
use tokio::time::{advance, sleep};

use crate::desk::Desk;

const MINUTE: Duration = Duration::from_secs(60);

async fn visitors(desk: &Desk, count: usize) {
    for _ in 0..count {
        let session = desk.manager.open([]);
        session.set("a", 1).unwrap();
        let committed = desk.manager.commit(&session).await.unwrap();
        assert!(matches!(committed.token, TokenAction::Set { .. }));
    }
}

/// Lets the sweeper do what is due. The clock of a paused runtime moves when everyone waits.
async fn pass(span: Duration) {
    advance(span).await;
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn expired_sessions_go_in_batches_and_all_at_the_same_tick() {
    let desk = Desk::new();
    visitors(&desk, 2_500).await;
    let _sweeper = Sweeper::start(desk.manager.clone(), MINUTE);
    pass(Duration::ZERO).await;
    assert_eq!(desk.calls().of(Purge), 1, "nothing has expired yet");
    desk.clock.advance(Duration::from_secs(2 * 3600));
    pass(MINUTE).await;
    assert_eq!(desk.calls().of(Purge), 1 + 3);
    assert_eq!(desk.manager.purge_expired(10).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_after_an_engine_that_was_down() {
    let desk = Desk::new();
    visitors(&desk, 10).await;
    desk.clock.advance(Duration::from_secs(2 * 3600));
    desk.faults.next(Purge, Fault::FailBefore);
    let _sweeper = Sweeper::start(desk.manager.clone(), MINUTE);
    pass(Duration::ZERO).await;
    assert_eq!((desk.calls().of(Purge), desk.faults.left()), (1, 0));
    pass(MINUTE).await;
    assert_eq!(desk.calls().of(Purge), 2);
    assert_eq!(desk.manager.purge_expired(10).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_it_is_dropped() {
    let desk = Desk::new();
    let sweeper = Sweeper::start(desk.manager.clone(), MINUTE);
    pass(MINUTE).await;
    let before = desk.calls().of(Purge);
    assert!(before > 0);
    drop(sweeper);
    pass(10 * MINUTE).await;
    assert_eq!(desk.calls().of(Purge), before);
}
