//! One session ends and its successor begins.

use dancecard_core::{Record, RecordKey, SharedStore, Store, Version};

use super::case::area;
use super::env::{Env, HOUR, MINUTE};
use super::expect::{absent, conflicts, fresh, lists, lists_of, present, refused, that, unchanged};
use crate::failure::Outcome;

area! {
    replace_leaves_both_records_exact(One, Replace) = REPLACE;
    replace_yields_the_version_of_the_successor(One, Replace) = REPLACE;
    replace_at_a_stale_version_changes_nothing(One, Replace) = REPLACE;
    replace_of_an_absent_record_changes_nothing(One, Replace) = REPLACE;
    replace_of_a_deleted_record_revives_nothing(One, Replace) = REPLACE;
    replace_onto_a_taken_key_changes_nothing(One, Replace) = REPLACE;
    replace_ends_the_old_version(One, Replace) = REPLACE;
    a_replaced_record_is_not_replaced_again(One, Replace) = REPLACE;
    replace_moves_the_index(One, Replace, PrincipalIndex) = REPLACE;
    replace_is_listed(One, Replace, List) = REPLACE;
    a_conflicting_replace_keeps_the_index(One, Replace, PrincipalIndex) = REPLACE;
    a_replace_survives_a_restart(One, Replace, Reopen) = DURABLE;
    an_unsupported_replace_is_refused(One, NoReplace) = NONE;
}

/// A session about to be replaced: its key and version, the marker it leaves, its successor.
pub(super) struct Rotation {
    pub(super) old: RecordKey,
    pub(super) new: RecordKey,
    pub(super) version: Version,
    pub(super) before: Record,
    pub(super) marker: Record,
    pub(super) successor: Record,
}

impl Rotation {
    pub(super) async fn of(env: &Env, store: &SharedStore, principal: &str) -> Outcome<Self> {
        let before = env.record_of(principal);
        let (old, version) = env.create(store, &before).await?;
        let new = env.key();
        let meta = before.meta.clone().with_expires_at(env.later(MINUTE)).into_retired(Some(new.clone()));
        let marker = Record::new(meta, Vec::new());
        let meta = before.meta.clone().with_renewed_at(env.now()).with_expires_at(env.later(2 * HOUR));
        let successor = Record::new(meta, b"the data, moved on".to_vec());
        Ok(Self { old, new, version, before, marker, successor })
    }

    pub(super) async fn run(&self, store: &SharedStore) -> dancecard_core::Result<Version> {
        self.at(store, &self.version).await
    }

    async fn at(&self, store: &SharedStore, version: &Version) -> dancecard_core::Result<Version> {
        store.replace(&self.old, version, self.marker.clone(), &self.new, self.successor.clone()).await
    }

    /// Nothing happened.
    pub(super) async fn untouched(&self, store: &SharedStore) -> Outcome {
        let old = unchanged(store, &self.old, &self.before, &self.version).await;
        old.map_err(|failure| failure.at("the old key"))?;
        absent(store, &self.new).await.map_err(|failure| failure.at("the new key"))
    }

    /// Both halves happened.
    pub(super) async fn done(&self, store: &SharedStore) -> Outcome {
        let old =
            present(store, &self.old, &self.marker).await.map_err(|failure| failure.at("the old key"))?;
        that(*old.version() != self.version, "a fresh version at the old key", "the one it had")?;
        let new = present(store, &self.new, &self.successor).await;
        new.map(drop).map_err(|failure| failure.at("the new key"))
    }
}

async fn replace_leaves_both_records_exact(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    rotation.run(&store).await?;
    rotation.done(&store).await
}

async fn replace_yields_the_version_of_the_successor(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    let version = rotation.run(&store).await?;
    unchanged(&store, &rotation.new, &rotation.successor, &version).await?;
    let mut seen = vec![version];
    fresh(&mut seen, env.rewrite(&store, &rotation.new, &rotation.successor).await?)
}

async fn replace_at_a_stale_version_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let mut rotation = Rotation::of(env, &store, "alice").await?;
    let stale = rotation.version.clone();
    rotation.version = env.rewrite(&store, &rotation.old, &rotation.before).await?;
    conflicts(rotation.at(&store, &stale).await)?;
    rotation.untouched(&store).await
}

async fn replace_of_an_absent_record_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let mut rotation = Rotation::of(env, &store, "alice").await?;
    rotation.old = env.key();
    conflicts(rotation.run(&store).await)?;
    absent(&store, &rotation.old).await?;
    absent(&store, &rotation.new).await
}

/// A sign-out that comes first wins: the id that was rotated away must not come to life, nor its successor.
async fn replace_of_a_deleted_record_revives_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    store.delete(&rotation.old).await?;
    conflicts(rotation.run(&store).await)?;
    absent(&store, &rotation.old).await?;
    absent(&store, &rotation.new).await
}

async fn replace_onto_a_taken_key_changes_nothing(env: &Env) -> Outcome {
    let store = env.store();
    let mut rotation = Rotation::of(env, &store, "alice").await?;
    let (taken, version) = env.create(&store, &env.record("another's")).await?;
    rotation.new = taken;
    conflicts(rotation.run(&store).await)?;
    unchanged(&store, &rotation.old, &rotation.before, &rotation.version).await?;
    unchanged(&store, &rotation.new, &env.record("another's"), &version).await
}

async fn replace_ends_the_old_version(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    rotation.run(&store).await?;
    let update = dancecard_core::WriteMode::Update(rotation.version.clone());
    conflicts(store.write(&rotation.old, rotation.before.clone(), update).await)?;
    rotation.done(&store).await
}

async fn a_replaced_record_is_not_replaced_again(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    rotation.run(&store).await?;
    let again = Rotation { new: env.key(), ..Rotation::of(env, &store, "bob").await? };
    let again = Rotation { old: rotation.old.clone(), version: rotation.version.clone(), ..again };
    conflicts(again.run(&store).await)?;
    absent(&store, &again.new).await?;
    rotation.done(&store).await
}

async fn replace_moves_the_index(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    rotation.run(&store).await?;
    lists_of(&store, "alice", [&rotation.new]).await.map(drop)
}

async fn replace_is_listed(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    rotation.run(&store).await?;
    lists(&store, [&rotation.old, &rotation.new]).await.map(drop)
}

async fn a_conflicting_replace_keeps_the_index(env: &Env) -> Outcome {
    let store = env.store();
    let mut rotation = Rotation::of(env, &store, "alice").await?;
    let stale = rotation.version.clone();
    rotation.version = env.rewrite(&store, &rotation.old, &rotation.before).await?;
    conflicts(rotation.at(&store, &stale).await)?;
    lists_of(&store, "alice", [&rotation.old]).await.map(drop)
}

async fn a_replace_survives_a_restart(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    rotation.run(&store).await?;
    let store = env.restart(store).await?;
    rotation.done(&store).await
}

async fn an_unsupported_replace_is_refused(env: &Env) -> Outcome {
    let store = env.store();
    let rotation = Rotation::of(env, &store, "alice").await?;
    refused(rotation.run(&store).await)?;
    rotation.untouched(&store).await
}
