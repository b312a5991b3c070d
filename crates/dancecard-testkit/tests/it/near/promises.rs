//! What a near cache promises, each as a scene.

use dancecard_core::{MemoryStore, Record, Result, Store, WriteMode};
use dancecard_testkit::{Failure, Fault, Operation, Outcome};

use super::scene::{MAX_AGE, Scene, fails, same};

pub(crate) async fn a_record_is_read_once(scene: Scene) -> Outcome {
    scene.read("a").await?;
    for _ in 0..3 {
        scene.reads_for("nothing").await?;
        scene.sees("a").await?;
    }
    Ok(())
}

pub(crate) async fn what_was_written_here_is_not_read_again(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_here("b").await?;
    scene.reads_for("nothing").await?;
    scene.sees("b").await
}

pub(crate) async fn a_write_here_is_seen(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_here("b").await?;
    scene.sees("b").await
}

pub(crate) async fn a_delete_here_is_seen(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.near.delete(&scene.key()).await?;
    scene.sees_nothing().await
}

pub(crate) async fn a_touch_here_is_seen(scene: Scene) -> Outcome {
    scene.read("a").await?;
    let later = scene.in_seconds(7200);
    same("touched:", scene.near.touch(&scene.key(), later).await?, true)?;
    let found = scene.near.load(&scene.key()).await?;
    same("expires", found.map(|found| found.expires_at()), Some(later))
}

pub(crate) async fn a_touch_of_what_is_gone_is_seen(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.far.delete(&scene.key()).await?;
    same("touched:", scene.near.touch(&scene.key(), scene.in_seconds(7200)).await?, false)?;
    scene.sees_nothing().await
}

async fn replace(scene: &Scene, record: Record) -> Result<()> {
    let expected = scene.far.load(&scene.key()).await?.map(|found| found.version().clone());
    let expected = expected.unwrap_or_else(|| dancecard_core::Version::from_u64(0));
    let (old, new, marker) = (scene.key(), scene.other_key(), scene.marker());
    scene.near.replace(&old, &expected, marker, &new, record).await.map(drop)
}

pub(crate) async fn a_replace_here_is_seen_under_both_keys(scene: Scene) -> Outcome {
    scene.read("a").await?;
    replace(&scene, scene.record("b")).await?;
    let old = scene.near.load(&scene.key()).await?;
    same("retired:", old.map(|old| old.written_meta().is_retired()), Some(true))?;
    let new = scene.near.load(&scene.other_key()).await?;
    same("the successor:", new.map(|new| new.payload().to_vec()), Some(b"b".to_vec()))
}

/// The answer of a load arrives when a change that came after it was acknowledged.
async fn overtaken(scene: Scene, change: impl AsyncFnOnce(&Scene) -> Result<()>) -> Outcome<Scene> {
    scene.write_elsewhere(scene.record("a")).await?;
    let reading = scene.begin_read().await;
    change(&scene).await?;
    let late = reading.arrive().await?;
    same("the late answer:", late.map(|late| late.payload().to_vec()), Some(b"a".to_vec()))?;
    Ok(scene)
}

pub(crate) async fn an_answer_overtaken_by_a_write_is_not_kept(scene: Scene) -> Outcome {
    let scene = overtaken(scene, async |scene| scene.write_here("b").await.map(drop)).await?;
    scene.sees("b").await
}

pub(crate) async fn an_answer_overtaken_by_a_delete_is_not_kept(scene: Scene) -> Outcome {
    let scene = overtaken(scene, async |scene| scene.near.delete(&scene.key()).await).await?;
    scene.sees_nothing().await
}

pub(crate) async fn an_answer_overtaken_by_a_touch_is_not_kept(scene: Scene) -> Outcome {
    let later = scene.in_seconds(7200);
    let scene = overtaken(scene, async |scene| scene.near.touch(&scene.key(), later).await.map(drop)).await?;
    let found = scene.near.load(&scene.key()).await?;
    same("expires", found.map(|found| found.expires_at()), Some(later))
}

pub(crate) async fn an_answer_overtaken_by_a_replace_is_not_kept(scene: Scene) -> Outcome {
    let scene = overtaken(scene, async |scene| replace(scene, scene.record("b")).await).await?;
    let old = scene.near.load(&scene.key()).await?;
    same("retired:", old.map(|old| old.written_meta().is_retired()), Some(true))
}

/// Two loads, of which the first one is answered last.
pub(crate) async fn an_answer_overtaken_by_another_is_not_kept(scene: Scene) -> Outcome {
    scene.write_elsewhere(scene.record("a")).await?;
    let reading = scene.begin_read().await;
    scene.write_elsewhere(scene.record("b")).await?;
    scene.sees("b").await?;
    reading.arrive().await?;
    scene.sees("b").await
}

/// The engine has made the change, and its answer is on its way: a listing, or another key, may tell of it already.
pub(crate) async fn while_a_change_is_made_the_engine_is_asked(scene: Scene) -> Outcome {
    scene.read("a").await?;
    let (near, key, record) = (scene.near.clone(), scene.key(), scene.record("b"));
    let mode = WriteMode::Overwrite;
    let writing = scene.begin(Operation::Write, async move { near.write(&key, record, mode).await }).await;
    for _ in 0..2 {
        scene.sees("b").await?;
        scene.reads_for("1 load").await?;
    }
    writing.arrive().await?;
    scene.sees("b").await
}

pub(crate) async fn a_conflict_heals(scene: Scene) -> Outcome {
    let read = scene.read("a").await?;
    scene.write_elsewhere(scene.record("b")).await?;
    scene.sees("a").await.map_err(|failure| failure.at("within the maximum age"))?;
    let stale = WriteMode::Update(read.version().clone());
    let lost = scene.near.write(&scene.key(), scene.record("lost"), stale).await;
    same("a conflict:", lost.is_err_and(|error| error.is_conflict()), true)?;
    scene.sees("b").await
}

pub(crate) async fn a_failed_write_drops_the_entry(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_elsewhere(scene.record("b")).await?;
    scene.faults.next(Operation::Write, Fault::FailBefore);
    fails(scene.near.write(&scene.key(), scene.record("lost"), WriteMode::Overwrite).await)?;
    scene.sees("b").await
}

/// It may still happen, so nothing is kept until the usual age has passed.
async fn is_not_kept_for_a_while(scene: &Scene) -> Outcome {
    scene.reads_for("1 load").await?;
    scene.almost_outlast();
    scene.reads_for("1 load").await?;
    scene.tick();
    scene.reads_for("1 load").await?;
    scene.reads_for("nothing").await
}

pub(crate) async fn after_a_lost_answer_nothing_is_kept_for_a_while(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.faults.next(Operation::Write, Fault::FailAfter);
    fails(scene.near.write(&scene.key(), scene.record("b"), WriteMode::Overwrite).await)?;
    scene.sees("b").await?;
    is_not_kept_for_a_while(&scene).await
}

pub(crate) async fn after_a_write_given_up_nothing_is_kept_for_a_while(scene: Scene) -> Outcome {
    scene.read("a").await?;
    let (near, key, record) = (scene.near.clone(), scene.key(), scene.record("b"));
    let mode = WriteMode::Overwrite;
    let writing = scene.begin(Operation::Write, async move { near.write(&key, record, mode).await }).await;
    writing.give_up().await;
    scene.sees("b").await?;
    is_not_kept_for_a_while(&scene).await
}

/// A write here that is known to have happened may be overtaken by one that nobody knows the end of.
pub(crate) async fn a_write_after_a_lost_answer_is_not_kept_either(scene: Scene) -> Outcome {
    scene.read("a").await?;
    let (near, key) = (scene.near.clone(), scene.key());
    let deleting = scene.begin(Operation::Delete, async move { near.delete(&key).await });
    deleting.await.give_up().await;
    scene.write_here("b").await?;
    scene.reads_for("1 load").await
}

pub(crate) async fn a_sign_out_elsewhere_is_seen_at_the_maximum_age(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_elsewhere(scene.marker()).await?;
    scene.almost_outlast();
    scene.sees("a").await?;
    scene.tick();
    scene.sees("").await?;
    for _ in 0..3 {
        scene.tick();
        scene.sees("").await.map_err(|failure| failure.at("never again"))?;
    }
    Ok(())
}

/// An answer is as old as the question.
pub(crate) async fn the_age_begins_with_the_question(scene: Scene) -> Outcome {
    scene.write_elsewhere(scene.record("a")).await?;
    let reading = scene.begin_read().await;
    scene.write_elsewhere(scene.marker()).await?;
    scene.almost_outlast();
    reading.arrive().await?;
    scene.tick();
    scene.sees("").await
}

/// Reading it often does not make it younger.
pub(crate) async fn the_age_grows_while_it_is_read(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_elsewhere(scene.marker()).await?;
    for _ in 0..4 {
        scene.clock.advance(MAX_AGE / 4);
        scene.seen().await?;
    }
    scene.sees("").await
}

pub(crate) async fn a_clock_set_back_makes_it_no_younger(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_elsewhere(scene.record("b")).await?;
    let earlier = scene.clock.clone();
    earlier.set(dancecard_core::Timestamp::from_millis(1_767_225_600_000 - 60_000));
    scene.sees("b").await
}

pub(crate) async fn absence_is_not_kept(scene: Scene) -> Outcome {
    scene.sees_nothing().await?;
    scene.write_elsewhere(scene.record("a")).await?;
    scene.sees("a").await
}

/// The mark of an "end all" of another process, for example: a sign-in looks for it twice.
pub(crate) async fn markers_are_not_kept(scene: Scene) -> Outcome {
    let version = async |scene: &Scene| -> Outcome<_> {
        let found = scene.near.load(&scene.key()).await?;
        Ok(found.map(|found| found.version().clone()))
    };
    scene.write_elsewhere(scene.marker()).await?;
    let before = version(&scene).await?;
    scene.write_elsewhere(scene.marker()).await?;
    same("the mark is another:", version(&scene).await? != before, true)?;
    scene.near.write(&scene.key(), scene.marker(), WriteMode::Overwrite).await?;
    let before = version(&scene).await?;
    scene.write_elsewhere(scene.marker()).await?;
    same("the mark after one's own is another:", version(&scene).await? != before, true)
}

/// Another process has moved the expiry. To take the session for expired would sign somebody out.
pub(crate) async fn what_has_expired_is_asked_for_again(scene: Scene) -> Outcome {
    scene
        .write_elsewhere(Record::new(scene.meta().with_expires_at(scene.in_seconds(2)), b"a".to_vec()))
        .await?;
    scene.sees("a").await?;
    let later = scene.in_seconds(7200);
    scene.far.touch(&scene.key(), later).await?;
    scene.clock.advance(std::time::Duration::from_secs(2));
    let found = scene.near.load(&scene.key()).await?;
    same("expires", found.map(|found| found.expires_at()), Some(later))
}

pub(crate) async fn what_a_purge_removed_is_gone(scene: Scene) -> Outcome {
    scene
        .write_elsewhere(Record::new(scene.meta().with_expires_at(scene.in_seconds(2)), b"a".to_vec()))
        .await?;
    scene.sees("a").await?;
    // By the callers' idea of the time.
    same("purged:", scene.near.purge_expired(scene.in_seconds(2), 10).await?, 1)?;
    scene.sees_nothing().await
}

pub(crate) async fn an_answer_overtaken_by_a_purge_is_not_kept(scene: Scene) -> Outcome {
    scene
        .write_elsewhere(Record::new(scene.meta().with_expires_at(scene.in_seconds(2)), b"a".to_vec()))
        .await?;
    let reading = scene.begin_read().await;
    scene.near.purge_expired(scene.in_seconds(2), 10).await?;
    reading.arrive().await?;
    scene.sees_nothing().await
}

pub(crate) async fn a_listing_shows_what_is_out_of_date(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.write_elsewhere(scene.record("b")).await?;
    same("listed:", scene.list().await?, 1)?;
    scene.sees("b").await
}

pub(crate) async fn an_answer_overtaken_by_a_listing_is_not_kept(scene: Scene) -> Outcome {
    scene.write_elsewhere(scene.record("a")).await?;
    let reading = scene.begin_read().await;
    scene.write_elsewhere(scene.record("b")).await?;
    scene.list().await?;
    reading.arrive().await?;
    scene.sees("b").await
}

/// What fits stays, what does not fit is read again, and what is too large for the whole cache leaves the rest alone.
pub(crate) async fn what_is_too_large_is_not_kept(scene: Scene) -> Outcome {
    scene.read("a").await?;
    let large = Record::new(scene.meta(), vec![b'x'; super::scene::MAX_BYTES]);
    scene.near.write(&scene.other_key(), large, WriteMode::Create).await?;
    let found = scene.near.load(&scene.other_key()).await?;
    let length = found.map_or(0, |found| found.payload().len());
    same("bytes:", length, super::scene::MAX_BYTES)?;
    scene.reads_for("nothing").await
}

pub(crate) async fn what_was_not_read_lately_goes_first(scene: Scene) -> Outcome {
    scene.read("a").await?;
    for number in 0..1000_u32 {
        let key = dancecard_core::RecordKey::new(&number.to_le_bytes());
        scene.near.write(&key, scene.record(&"x".repeat(1000)), WriteMode::Create).await?;
        if number % 20 == 0 {
            scene.reads_for("nothing").await.map_err(|failure| failure.at(format!("record {number}")))?;
        }
    }
    Ok(())
}

pub(crate) async fn a_failed_load_tells_nothing(scene: Scene) -> Outcome {
    scene.write_elsewhere(scene.record("a")).await?;
    let reading = scene.begin_read().await;
    scene.faults.next(Operation::Load, Fault::FailBefore);
    fails(scene.near.load(&scene.key()).await)?;
    reading.arrive().await?;
    scene.reads_for("nothing").await
}

/// Two loads at once, of which the older one is answered first. The other has seen that the record lives for longer.
pub(crate) async fn an_answer_in_between_moves_the_expiry(scene: Scene) -> Outcome {
    scene.write_elsewhere(scene.record("a")).await?;
    let later = scene.in_seconds(7200);
    let first = scene.begin_read().await;
    scene.far.touch(&scene.key(), later).await?;
    let second = scene.begin_read().await;
    first.arrive().await?;
    second.arrive().await?;
    let found = scene.near.load(&scene.key()).await?;
    same("expires", found.map(|found| found.expires_at()), Some(later))
}

/// An engine under which the last writer wins.
#[derive(Debug)]
struct LastWriter(MemoryStore);

impl Store for LastWriter {
    dancecard_core::forward!(0: engine, load, write, delete, touch, list, purge_expired);

    fn capabilities(&self) -> dancecard_core::Capabilities {
        self.0.capabilities().with_conditional_write(dancecard_core::Support::None)
    }
}

pub(crate) fn last_writer() -> dancecard_core::SharedStore {
    dancecard_core::SharedStore::new(LastWriter(MemoryStore::new()))
}

/// A write from a record out of date would bring back what another process ended.
pub(crate) async fn without_conditions_nothing_is_kept(scene: Scene) -> Outcome {
    scene.read("a").await?;
    scene.reads_for("1 load").await?;
    scene.near.write(&scene.key(), scene.record("b"), WriteMode::Overwrite).await?;
    scene.reads_for("1 load").await
}

/// A seeded storm within the bound, judged by what lies in the cache.
pub(crate) async fn the_bound_holds(scene: Scene, bytes: impl Fn() -> usize) -> Outcome {
    let mut random = dancecard_testkit::Random::named(1, "the bound");
    let mut fullest = 0;
    for _ in 0..20_000 {
        let key = dancecard_core::RecordKey::new(&random.bytes(1));
        match random.below(8) {
            0 => scene.near.delete(&key).await?,
            1 => drop(scene.near.touch(&key, scene.in_seconds(7200)).await?),
            2..=4 => {
                let size = [10, 700, 5_000, 60_000][random.below(4)];
                let record = Record::new(scene.meta(), vec![b'x'; size]);
                scene.near.write(&key, record, WriteMode::Overwrite).await?;
            }
            _ => drop(scene.near.load(&key).await?),
        }
        fullest = fullest.max(bytes());
        if fullest > super::scene::MAX_BYTES {
            return Err(Failure::new(format!("at most {}", super::scene::MAX_BYTES), fullest.to_string()));
        }
    }
    same("nearly full at some time:", fullest > super::scene::MAX_BYTES * 9 / 10, true)
}
