//! The first look at a service: whose objects are there, and does it keep its word.

use dancecard_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::client::{Client, Condition};
use crate::conditions::Conditions;
use crate::error;
use crate::name::Paths;
use crate::version::Token;

const LAYOUT: u32 = 1;
const KIND: &str = "sessions";

/// What the object `dancecard.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    dancecard: String,
    layout: u32,
}

/// Makes the mark, or sees that it is one of ours; and that the service refuses what it has to refuse.
///
/// Some servers speak a service's protocol and pass over conditions. With such a one every change would be made, and
/// those of others lost in silence.
pub(crate) async fn open(
    client: &Client,
    paths: &Paths,
    create: bool,
    operation: &'static str,
) -> Result<()> {
    match client.get(&paths.mark(), operation).await? {
        Some(found) => recognise(&found.bytes, operation)?,
        None if create => sign(client, paths, operation).await?,
        None => return Err(error::config(operation, "there are no sessions there yet, and `create` is off")),
    }
    let impossible = match client.conditions() {
        Conditions::Tags => Token::Tag("\"00000000000000000000000000000000\"".to_owned()),
        Conditions::Generations => Token::Generation("1".to_owned()),
        Conditions::Alone | Conditions::Nobody { .. } => return Ok(()),
    };
    for condition in [Condition::Absent, Condition::At(&impossible)] {
        let written = client.put(&paths.mark(), mark(), condition, operation).await;
        must_conflict(written.map(drop), operation)?;
    }
    if client.remove_at(&paths.mark(), &impossible, operation).await? {
        // It was not to go.
        sign(client, paths, operation).await?;
        return Err(unfaithful(operation));
    }
    Ok(())
}

fn must_conflict(written: Result<()>, operation: &'static str) -> Result<()> {
    match written {
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err(unfaithful(operation)),
    }
}

fn unfaithful(operation: &'static str) -> Error {
    error::config(
        operation,
        "the server passes over conditions of writes or removals, so changes made at the same time would be lost; use \
         another one, or accept that by setting `last_writer_wins`",
    )
}

fn recognise(bytes: &[u8], operation: &'static str) -> Result<()> {
    match serde_json::from_slice::<Mark>(bytes) {
        Ok(mark) if mark.dancecard == KIND && mark.layout == LAYOUT => Ok(()),
        _ => Err(error::config(
            operation,
            "the objects there are of another release, or not sessions; use another prefix, or the release that made \
             them",
        )),
    }
}

/// Another process may be as fast.
async fn sign(client: &Client, paths: &Paths, operation: &'static str) -> Result<()> {
    let condition = match client.conditions() {
        Conditions::Nobody { creates: false } => Condition::Nothing,
        _ => Condition::Absent,
    };
    match client.put(&paths.mark(), mark(), condition, operation).await {
        Err(error) if error.is_conflict() => Ok(()),
        signed => signed.map(drop),
    }
}

fn mark() -> Vec<u8> {
    format!("{{\"dancecard\": \"{KIND}\", \"layout\": {LAYOUT}}}\n").into_bytes()
}
