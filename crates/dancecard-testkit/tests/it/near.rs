//! The near cache keeps what it promises, and each promise can be broken.

mod broken;
mod promises;
mod recorded;
mod scene;
mod schedule;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dancecard_core::{CachedStore, ManualClock, MemoryStore, RecordKey, SharedStore, Store, WriteMode};
use dancecard_testkit::Outcome;

use broken::{BrokenCache, Bug};
use scene::{MAX_AGE, MAX_BYTES, Scene};

type Body = fn(Scene) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

fn genuine(engine: SharedStore, clock: ManualClock) -> SharedStore {
    SharedStore::new(cached(engine, clock))
}

fn cached(engine: impl Store, clock: ManualClock) -> CachedStore<impl Store> {
    CachedStore::new(engine).with_max_age(MAX_AGE).with_max_bytes(MAX_BYTES).with_clock(clock)
}

/// A test for each promise, and the table of them.
macro_rules! promises {
    ($($name:ident: $($bug:ident),+;)*) => {
        $(
            #[tokio::test]
            async fn $name() -> Outcome {
                promises::$name(Scene::new(genuine)).await
            }
        )*

        const PROMISES: &[(&str, Body, &[Bug])] =
            &[$((stringify!($name), |scene| Box::pin(promises::$name(scene)), &[$(Bug::$bug),+])),*];
    };
}

// Each with what breaks it.
promises! {
    a_record_is_read_once: KeepsNothing;
    what_was_written_here_is_not_read_again: DropsItsOwnWrites;
    a_write_here_is_seen: KeepsTheOldAfterAWrite;
    a_delete_here_is_seen: KeepsTheOldAfterADelete;
    a_touch_here_is_seen: KeepsTheOldAfterATouch;
    a_touch_of_what_is_gone_is_seen: KeepsTheOldAfterATouch;
    a_replace_here_is_seen_under_both_keys: KeepsTheReplaced;
    an_answer_overtaken_by_a_write_is_not_kept: KeepsLateAnswers;
    an_answer_overtaken_by_a_delete_is_not_kept: KeepsLateAnswers;
    an_answer_overtaken_by_a_touch_is_not_kept: KeepsLateAnswers;
    an_answer_overtaken_by_a_replace_is_not_kept: KeepsLateAnswers;
    an_answer_overtaken_by_another_is_not_kept: KeepsLateAnswers, LearnsNothingFromLoads;
    an_answer_overtaken_by_a_purge_is_not_kept: IgnoresPurges;
    an_answer_overtaken_by_a_listing_is_not_kept: LearnsNothingFromListings;
    while_a_change_is_made_the_engine_is_asked: GivesOutWhileChanging, KeepsWhileChanging;
    a_conflict_heals: TrustsTheOldAfterAConflict;
    a_failed_write_drops_the_entry: TrustsTheOldAfterAFailure;
    after_a_lost_answer_nothing_is_kept_for_a_while: TakesTheUnknownForDone;
    after_a_write_given_up_nothing_is_kept_for_a_while: TakesTheGivenUpForDone, StaysClosed;
    a_write_after_a_lost_answer_is_not_kept_either: KeepsItsOwnWritesWhenClosed;
    a_sign_out_elsewhere_is_seen_at_the_maximum_age: KnowsNoAge;
    the_age_begins_with_the_question: AgesFromTheAnswer;
    the_age_grows_while_it_is_read: GrowsYoungerWhenRead;
    a_clock_set_back_makes_it_no_younger: TrustsTheClock;
    absence_is_not_kept: KeepsAbsence;
    markers_are_not_kept: KeepsMarkers;
    what_has_expired_is_asked_for_again: GivesOutTheExpired;
    what_a_purge_removed_is_gone: IgnoresPurges;
    a_listing_shows_what_is_out_of_date: IgnoresListings;
    what_is_too_large_is_not_kept: MakesRoomForTheLargest;
    what_was_not_read_lately_goes_first: FirstInFirstOut;
    a_failed_load_tells_nothing: LearnsFromFailures;
    an_answer_in_between_moves_the_expiry: LearnsNothingFromTouchesElsewhere;
}

#[tokio::test]
async fn without_conditions_nothing_is_kept() -> Outcome {
    promises::without_conditions_nothing_is_kept(Scene::over(promises::last_writer(), genuine)).await
}

#[tokio::test]
async fn the_bound_holds_under_load() -> Outcome {
    let mut near = None;
    let scene = Scene::new(|engine, clock| {
        let store = cached(engine, clock);
        near = Some(store.near());
        SharedStore::new(store)
    });
    promises::the_bound_holds(scene, || near.as_ref().map_or(0, |near| near.bytes())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_bound_holds_for_many_at_once() {
    let store = cached(MemoryStore::new(), ManualClock::default());
    let (near, store) = (store.near(), SharedStore::new(store));
    let scene = Scene::over(store.clone(), |engine, _| engine);
    let workers = (0..8_u8).map(|worker| {
        let (near, store, record) = (near.clone(), store.clone(), scene.record(&"x".repeat(3000)));
        tokio::spawn(async move {
            for number in 0..2_000_u16 {
                let key = RecordKey::new(&[worker / 2, (number % 16) as u8]);
                match number % 5 {
                    0 => drop(store.write(&key, record.clone(), WriteMode::Overwrite).await.unwrap()),
                    1 => store.delete(&key).await.unwrap(),
                    _ => drop(store.load(&key).await.unwrap()),
                }
                assert!(near.bytes() <= MAX_BYTES);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let hits = near.hits();
    store.write(&scene.key(), scene.record("x"), WriteMode::Overwrite).await.unwrap();
    store.load(&scene.key()).await.unwrap();
    assert_eq!(near.hits(), hits + 1);
}

fn broken(bug: Option<Bug>) -> impl Fn(SharedStore, ManualClock) -> SharedStore {
    move |engine, clock| SharedStore::new(BrokenCache::new(engine, clock, bug))
}

#[tokio::test]
async fn a_plain_cache_without_a_bug_keeps_every_promise() {
    for (name, promise, _) in PROMISES {
        promise(Scene::new(broken(None))).await.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
    promises::without_conditions_nothing_is_kept(Scene::over(promises::last_writer(), broken(None)))
        .await
        .unwrap();
    bound_of_broken(None).await.unwrap();
}

#[tokio::test]
async fn every_bug_breaks_a_promise_by_name() {
    let mut survivors = Vec::new();
    for (name, promise, bugs) in PROMISES {
        for bug in *bugs {
            if promise(Scene::new(broken(Some(*bug)))).await.is_ok() {
                survivors.push(format!("{bug:?} keeps {name}"));
            }
        }
    }
    assert!(survivors.is_empty(), "{survivors:#?}");
    let scene = Scene::over(promises::last_writer(), broken(Some(Bug::NeedsNoConditions)));
    assert!(promises::without_conditions_nothing_is_kept(scene).await.is_err());
    assert!(bound_of_broken(Some(Bug::KnowsNoBound)).await.is_err());
}

async fn bound_of_broken(bug: Option<Bug>) -> Outcome {
    let mut cache = None;
    let scene = Scene::new(|engine, clock| {
        let broken = Arc::new(BrokenCache::new(engine, clock, bug));
        cache = Some(broken.clone());
        SharedStore::new(Shared(broken))
    });
    promises::the_bound_holds(scene, || cache.as_ref().map_or(0, |cache| cache.bytes())).await
}

/// A store that somebody else looks at too.
#[derive(Debug)]
struct Shared(Arc<BrokenCache>);

impl Store for Shared {
    dancecard_core::forward!(0: engine, capabilities, load, write, delete, replace, touch, list, purge_expired);
}

#[tokio::test]
async fn with_no_age_every_call_is_passed_on() -> Outcome {
    let off = |engine, clock| {
        SharedStore::new(CachedStore::new(engine).with_max_age(Duration::ZERO).with_clock(clock))
    };
    let scene = Scene::new(off);
    scene.read("a").await?;
    scene.reads_for("1 load").await?;
    scene.write_here("b").await?;
    scene.reads_for("1 load").await
}

#[tokio::test]
async fn a_message_from_elsewhere_drops_what_it_tells_of() -> Outcome {
    let mut near = None;
    let scene = Scene::new(|engine, clock| {
        let store = cached(engine, clock);
        near = Some(store.near());
        SharedStore::new(store)
    });
    let near = near.expect("a handle");
    for all in [false, true] {
        let tell = || if all { near.clear() } else { near.forget(&scene.key()) };
        scene.read("a").await?;
        scene.reads_for("nothing").await?;
        scene.write_elsewhere(scene.record("b")).await?;
        tell();
        scene.sees("b").await?;
        tell();
        let reading = scene.begin_read().await;
        scene.write_elsewhere(scene.record("c")).await?;
        tell();
        reading.arrive().await?;
        scene.sees("c").await?;
        near.clear();
        assert_eq!((near.len(), near.bytes(), near.is_empty()), (0, 0, true));
    }
    Ok(())
}

#[tokio::test]
async fn hits_and_misses_are_counted() {
    let store = CachedStore::new(MemoryStore::new()).with_clock(ManualClock::default());
    let (near, store) = (store.near(), SharedStore::new(store));
    let scene = Scene::over(store.clone(), |engine, _| engine);
    scene.write_elsewhere(scene.record("a")).await.unwrap();
    near.clear();
    for _ in 0..4 {
        store.load(&scene.key()).await.unwrap();
    }
    assert_eq!((near.hits(), near.misses(), near.len()), (3, 1, 1));
}
