//! What an engine claims, checked both ways: what it lacks it refuses. (What it has, the other areas check.)

use dancecard_core::{Capabilities, ListQuery, Principal, Store, Support};

use super::case::area;
use super::env::{DAY, Env};
use super::expect::{refused, same, that, unchanged};
use super::poll::next;
use crate::failure::{Failure, Outcome};

area! {
    the_engine_has_a_name(One) = NAME;
    the_claims_stay_the_same(One) = CLAIMS;
    durability_can_be_checked(One) = DURABLE;
    sharing_can_be_checked(One) = SHARED;
    expiry_can_be_checked(One) = BY_ITSELF;
    an_emulated_replace_has_what_it_needs(One, Replace) = CLAIMS;
    an_unsupported_touch_is_refused(One, NoTouch) = NONE;
    an_unsupported_listing_is_refused(One, NoList) = NONE;
    an_unsupported_listing_of_a_principal_is_refused(One, NoPrincipalIndex) = NONE;
    purge_of_an_empty_engine_is_zero(One) = COUNTS;
}

async fn the_engine_has_a_name(env: &Env) -> Outcome {
    let store = env.store();
    let name = store.engine();
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter);
    that(!name.is_empty() && name.chars().all(plain), "a name of lower-case letters, digits and -_.", name)?;
    same("the name in its errors:", store.unsupported("anything").engine(), name)
}

async fn the_claims_stay_the_same(env: &Env) -> Outcome {
    let store = env.store();
    let before = store.capabilities();
    let (key, _) = env.create(&store, &env.record("first")).await?;
    env.rewrite(&store, &key, &env.record("second")).await?;
    store.delete(&key).await?;
    same("capabilities", store.capabilities(), before)
}

/// A claim of durability without a way to reopen the data would never be put to the test.
async fn durability_can_be_checked(env: &Env) -> Outcome {
    let checked = !env.capabilities().durable || env.can_restart();
    that(checked, "`Subject::with_reopen`, since the engine claims to be durable", "none")
}

async fn sharing_can_be_checked(env: &Env) -> Outcome {
    let checked = !env.capabilities().shared || env.has_peer();
    that(checked, "`Subject::with_peer`, since the engine claims to be shared", "none")
}

async fn expiry_can_be_checked(env: &Env) -> Outcome {
    let checked = !env.capabilities().native_expiry || env.has_expiring();
    that(checked, "`Subject::with_expiring`, since the engine claims to drop what has expired", "none")
}

/// The provided `replace` compares the version of the old record.
async fn an_emulated_replace_has_what_it_needs(env: &Env) -> Outcome {
    let Capabilities { replace, conditional_write, .. } = env.capabilities();
    let holds = replace == Support::Native || conditional_write.is_supported();
    that(holds, "`conditional_write` too, since `replace` is emulated", "none")
}

async fn an_unsupported_touch_is_refused(env: &Env) -> Outcome {
    let store = env.store();
    let record = env.record("kept");
    let (key, version) = env.create(&store, &record).await?;
    refused(store.touch(&key, env.later(DAY)).await)?;
    refused(store.touch(&env.key(), env.later(DAY)).await).map_err(|failure| failure.at("an absent key"))?;
    unchanged(&store, &key, &record, &version).await
}

async fn refuses_to_list(env: &Env, query: ListQuery) -> Outcome {
    let store = env.store();
    env.create(&store, &env.record_of("alice")).await?;
    let mut stream = store.list(query);
    let first = next(&mut stream).await.ok_or_else(|| Failure::new("one error", "an empty listing"))?;
    refused(first)?;
    that(next(&mut stream).await.is_none(), "the end after the error", "more items")
}

async fn an_unsupported_listing_is_refused(env: &Env) -> Outcome {
    refuses_to_list(env, ListQuery::all()).await
}

async fn an_unsupported_listing_of_a_principal_is_refused(env: &Env) -> Outcome {
    refuses_to_list(env, ListQuery::of(Principal::new("alice"))).await?;
    refuses_to_list(env, ListQuery::of(Principal::new("nobody"))).await
}

async fn purge_of_an_empty_engine_is_zero(env: &Env) -> Outcome {
    same("purged", env.store().purge_expired(env.later(DAY), 100).await?, 0)
}
