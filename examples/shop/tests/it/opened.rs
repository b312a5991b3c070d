//! A shop on files of its own.

use anyhow::Result;
use axum::Router;
use dancecard::sqlite::SqliteStore;
use dancecard::{Entry, ListQuery};
use dancecard_testkit::{Calls, FaultStore, Faults};
use futures_util::TryStreamExt;
use shop::{Config, Shop};
use tempfile::TempDir;

use crate::client::Client;

/// A shop that is open, until it is dropped.
pub(crate) struct Opened {
    pub(crate) shop: Shop,
    pub(crate) faults: Faults,
    router: Router,
    _folder: TempDir,
}

impl Opened {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let store = FaultStore::new(SqliteStore::open(folder.path().join("sessions.db"))?);
        let faults = store.faults();
        let shop = Shop::over(store, &config)?;
        Ok(Self { router: shop.router(), shop, faults, _folder: folder })
    }

    /// Someone without a cookie.
    pub(crate) fn visitor(&self) -> Client {
        Client::new(self.router.clone())
    }

    /// Someone who has signed up, and is signed in.
    pub(crate) async fn member(&self, name: &str) -> Result<Client> {
        let visitor = self.visitor();
        visitor.sign_up(name).await?;
        Ok(visitor)
    }

    /// Someone who signs in from another device.
    pub(crate) async fn again(&self, name: &str) -> Result<Client> {
        let visitor = self.visitor();
        visitor.sign_in(name).await?;
        Ok(visitor)
    }

    /// The calls that the engine saw while `deed` was done.
    pub(crate) async fn calls<T>(&self, deed: impl Future<Output = Result<T>>) -> Result<(T, Calls)> {
        let before = self.faults.calls();
        let done = deed.await?;
        Ok((done, self.faults.calls() - before))
    }

    /// All living sessions.
    pub(crate) async fn sessions(&self) -> Result<Vec<Entry>> {
        Ok(self.shop.sessions().list(ListQuery::all()).try_collect().await?)
    }
}
