//! What hooks see of a session.

use std::sync::Arc;

use dancecard_core::{ErrorKind, EventKind, HookPoint, Policy, Principal, Result};
use parking_lot::Mutex;

use super::{house_with, impatient, request, visited};
use crate::house::ada;

type Seen<T> = Arc<Mutex<Vec<T>>>;

/// What a session holds is read by the hooks that see it, before it ends too.
#[tokio::test]
async fn a_session_can_be_read_where_it_is_seen() -> Result<()> {
    let seen: Seen<(HookPoint, Option<i64>)> = Arc::default();
    let hooks = HookPoint::ALL.into_iter().fold(impatient(), |hooks, point| {
        let seen = seen.clone();
        hooks.on(point, move |moment| {
            let seen = seen.clone();
            async move {
                let Some(session) = moment.session() else { return Ok(()) };
                let value = session.get("a").await?;
                seen.lock().push((point, value));
                Ok(())
            }
        })
    });
    let (house, mut browser) = visited(hooks).await?;
    request(&house, &mut browser, async |session| session.cycle_id()).await?;
    request(&house, &mut browser, async |session| session.set("a", 2)).await?;
    request(&house, &mut browser, async |session| session.destroy()).await?;
    use HookPoint::*;
    let changed = [(AfterRetrieve, 1), (BeforeChangeId, 1), (AfterChangeId, 1)];
    let written = [(AfterRetrieve, 2), (BeforeFlush, 2), (AfterFlush, 2)];
    let expected = changed.into_iter().chain(written).map(|(point, value)| (point, Some(value)));
    let ended = [(AfterRetrieve, Some(2)), (BeforeDestroy, Some(2)), (AfterDestroy, None)];
    assert_eq!(*seen.lock(), expected.chain(ended).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn before_its_end_a_session_tells_whose_it_was_and_is_not_written() -> Result<()> {
    let seen: Seen<(Option<Principal>, ErrorKind)> = Arc::default();
    let note = seen.clone();
    let house = house_with(
        impatient().on(HookPoint::BeforeDestroy, move |moment| {
            let note = note.clone();
            async move {
                let Some(session) = moment.session() else { return Ok(()) };
                let refused = session.set("late", 1).unwrap_err().kind();
                // Nothing is there to be saved, so nothing waits for the commit that is going on.
                session.save().await?;
                let who = session.principal().await?;
                note.lock().push((who, refused));
                Ok(())
            }
        }),
        Policy::default(),
    );
    let mut browser = house.member("ada").await?;
    request(&house, &mut browser, async |session| session.destroy()).await?;
    assert_eq!(*seen.lock(), [(Some(ada()), ErrorKind::Sealed)]);
    assert_eq!((house.live().await, house.events.count(EventKind::HookFailed)), (0, 0));
    Ok(())
}
