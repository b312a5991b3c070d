//! Long connections learn that their session has ended, on a clock that the test moves.

use std::time::Duration;

use dancecard_core::LiveSession;
use dancecard_testkit::Fault;
use dancecard_testkit::Operation::Load;
use dancecard_tower::ended;
use tokio::time::{Instant, sleep};

use crate::desk::Desk;

const EVERY: Duration = Duration::from_secs(5);

async fn live(desk: &Desk) -> (LiveSession, String) {
    let cookie = desk.signed_in("ada").await;
    let token = cookie.split_once('=').unwrap().1.to_owned();
    (desk.manager.open([token.as_bytes()]).live().unwrap(), token)
}

async fn sign_out_after(desk: &Desk, token: &str, span: Duration) {
    sleep(span).await;
    let session = desk.manager.open([token.as_bytes()]);
    session.destroy().unwrap();
    desk.manager.commit(&session).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sign_out_is_seen_at_the_next_look() {
    let desk = Desk::new();
    let (live, token) = live(&desk).await;
    let begun = Instant::now();
    tokio::join!(ended(&live, EVERY), sign_out_after(&desk, &token, Duration::from_secs(7)));
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_seen_at_once() {
    let desk = Desk::new();
    let (live, token) = live(&desk).await;
    sign_out_after(&desk, &token, Duration::ZERO).await;
    let begun = Instant::now();
    ended(&live, EVERY).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn while_the_engine_is_down_the_session_is_taken_to_live() {
    let desk = Desk::new();
    let (live, token) = live(&desk).await;
    sign_out_after(&desk, &token, Duration::ZERO).await;
    (0..3).for_each(|_| desk.faults.next(Load, Fault::FailBefore));
    let begun = Instant::now();
    ended(&live, EVERY).await;
    assert_eq!(begun.elapsed(), 3 * EVERY);
}

#[tokio::test(start_paused = true)]
async fn expiry_ends_it_too() {
    let desk = Desk::new();
    let (live, _) = live(&desk).await;
    let expire = async {
        sleep(Duration::from_secs(12)).await;
        desk.clock.advance(Duration::from_secs(3600));
    };
    let begun = Instant::now();
    tokio::join!(ended(&live, EVERY), expire);
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
}
