//! Errors say where they come from, and nothing that must stay secret.

use std::error::Error as _;

use dancecard_core::{Error, Record, RecordKey, SharedStore, Store, Version, WriteMode};

use super::case::area;
use super::env::{DAY, Env};
use super::expect::{same, that};
use super::poll::collect;
use crate::failure::{Failure, Outcome};

area! {
    errors_name_their_engine(One) = NAME;
    errors_name_their_operation(One) = NAME;
    errors_hold_no_secrets(One) = SILENT;
    debug_of_the_engine_holds_no_secrets(One) = SILENT;
}

const KEY: &str = "kE9-key-kept-secret-0123456789";
const SECRETS: [&str; 5] = [
    "pAy-payload-kept-secret",
    "pRi-principal-kept-secret",
    "aGe-agent-kept-secret",
    "aDd-address-kept-secret",
    KEY,
];

fn record(env: &Env) -> Record {
    let [payload, principal, agent, address, _] = SECRETS;
    let meta = env.meta().with_principal(Some(principal.into())).with_device(Some(agent), Some(address));
    Record::new(meta, payload.as_bytes().to_vec())
}

/// Every error that a caller can bring about without harming the engine.
async fn errors(env: &Env, store: &SharedStore) -> Outcome<Vec<Error>> {
    let key = RecordKey::new(KEY.as_bytes());
    let version = store.write(&key, record(env), WriteMode::Overwrite).await?;
    let stale = Version::from_bytes(b"no such version");
    let mut errors = Vec::new();
    errors.extend(store.write(&key, record(env), WriteMode::Create).await.err());
    errors.extend(store.write(&key, record(env), WriteMode::Update(stale.clone())).await.err());
    errors.extend(store.replace(&key, &stale, record(env), &env.key(), record(env)).await.err());
    errors.extend(store.replace(&env.key(), &version, record(env), &key, record(env)).await.err());
    errors.extend(store.touch(&key, env.later(DAY)).await.err());
    errors.extend(collect(store.list(dancecard_core::ListQuery::all())).await.err());
    let query = dancecard_core::ListQuery::of(SECRETS[1].into());
    errors.extend(collect(store.list(query)).await.err());
    if let Some(most) = store.capabilities().max_payload {
        let payload = SECRETS[0].bytes().cycle().take(most + 1).collect();
        let large = Record::new(record(env).meta, payload);
        errors.extend(store.write(&key, large, WriteMode::Overwrite).await.err());
    }
    Ok(errors)
}

async fn errors_name_their_engine(env: &Env) -> Outcome {
    let store = env.store();
    for error in errors(env, &store).await? {
        let place = |failure: Failure| failure.at(format!("an error of kind {:?}", error.kind()));
        same("the engine in the error:", error.engine(), store.engine()).map_err(place)?;
        let told = error.to_string();
        that(told.contains(store.engine()), "the engine's name in its text", &told).map_err(place)?;
    }
    Ok(())
}

async fn errors_name_their_operation(env: &Env) -> Outcome {
    let store = env.store();
    let errors = errors(env, &store).await?;
    that(!errors.is_empty(), "an error for a create over an existing record", "none")?;
    for error in errors {
        let place = format!("an error of kind {:?}", error.kind());
        that(!error.operation().is_empty(), "the operation in the error", "none").map_err(|f| f.at(place))?;
    }
    Ok(())
}

fn silent(text: &str, what: &str) -> Outcome {
    let hex = RecordKey::new(KEY.as_bytes()).to_hex();
    let numbers = format!("{:?}", KEY.as_bytes());
    let told = text.to_lowercase();
    let spilt = SECRETS.iter().any(|secret| told.contains(&secret.to_lowercase()));
    let encoded = told.contains(&hex) || told.contains(numbers.trim_matches(['[', ']']));
    that(!spilt && !encoded, format!("no secret in {what}"), "a key, payload, principal or device")
}

async fn errors_hold_no_secrets(env: &Env) -> Outcome {
    let store = env.store();
    for error in errors(env, &store).await? {
        silent(&error.to_string(), "Display of the error")?;
        silent(&format!("{error:?}"), "Debug of the error")?;
        let mut cause = error.source();
        while let Some(source) = cause {
            silent(&format!("{source} {source:?}"), "the cause of the error")?;
            cause = source.source();
        }
    }
    Ok(())
}

async fn debug_of_the_engine_holds_no_secrets(env: &Env) -> Outcome {
    let store = env.store();
    errors(env, &store).await?;
    silent(&format!("{store:?} {store:#?}"), "Debug of the engine")
}
