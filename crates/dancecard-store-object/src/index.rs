//! Which records are a principal's: an object for each, made before the record says so, removed after it says otherwise.
//!
//! An entry may be there without the record, after a process was ended between the two; whoever lists looks at the
//! record. A record is never there without its entry: an entry is removed only if it is still the one that was there
//! before the record was changed, and whoever makes the record that principal's again has made the entry anew by then.
//! (Two that create one key at the same time as another deletes it could get around that. Keys of sessions are random.)

use dancecard_core::Result;

use crate::client::{Client, Condition};
use crate::conditions::Conditions;
use crate::name::{Name, Owner, Paths};
use crate::object::Nonce;
use crate::version::Token;

/// An entry that is to be removed once its record says otherwise.
#[derive(Debug)]
pub(crate) enum Parting {
    /// There is none, or it can't be told from a newer one.
    Nothing,
    /// If it is still this one.
    If(String, Token),
    /// Whatever is there: nobody else can have changed it, or nobody compares anyway.
    Whatever(String),
}

/// Makes an entry, or makes it anew.
pub(crate) async fn enter(
    client: &Client,
    paths: &Paths,
    owner: Owner,
    name: &Name,
    nonce: Nonce,
    operation: &'static str,
) -> Result<()> {
    let path = paths.entry(owner, name);
    client.put(&path, nonce.to_vec(), Condition::Nothing, operation).await.map(drop)
}

/// Looks at an entry, before its record is changed.
pub(crate) async fn part(
    client: &Client,
    paths: &Paths,
    owner: Owner,
    name: &Name,
    operation: &'static str,
) -> Result<Parting> {
    let path = paths.entry(owner, name);
    match client.conditions() {
        Conditions::Alone | Conditions::Nobody { .. } => Ok(Parting::Whatever(path)),
        Conditions::Tags | Conditions::Generations => {
            let token = client.look(&path, operation).await?;
            Ok(token.map_or(Parting::Nothing, |token| Parting::If(path, token)))
        }
    }
}

/// Removes the entry, after its record was changed. One that stays is harmless.
pub(crate) async fn leave(client: &Client, parting: Parting, operation: &'static str) {
    match parting {
        Parting::Nothing => {}
        Parting::If(path, token) => drop(client.remove_at(&path, &token, operation).await),
        Parting::Whatever(path) => drop(client.remove(&path, operation).await),
    }
}
