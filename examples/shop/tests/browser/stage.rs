//! Where one flow plays: a shop on a free port, and the browsers that come to it.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use dancecard::axum::Security;
use dancecard::sqlite::SqliteStore;
use dancecard::{Entry, ListQuery};
use dancecard_testkit::{FaultStore, Faults, Operation};
use futures_util::TryStreamExt;
use parking_lot::Mutex;
use shop::{Config, Server, Shop};
use tempfile::TempDir;
use thirtyfour::PageLoadStrategy;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::browser::Browser;

/// One flow.
pub(crate) type Flow =
    Box<dyn FnOnce(Stage) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + 'static>;

/// Where one flow plays. A clone is another handle on the same stage.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Inner>);

struct Inner {
    driver: String,
    folder: TempDir,
    house: Opened,
    strict: tokio::sync::OnceCell<Opened>,
    browsers: Mutex<Vec<Browser>>,
}

/// A shop that is open.
pub(crate) struct Opened {
    pub(crate) shop: Shop,
    /// Counts calls to the engine, and can hold them back.
    pub(crate) faults: Faults,
    port: u16,
    stop: Arc<Notify>,
    serving: tokio::sync::Mutex<JoinHandle<Result<()>>>,
}

impl Stage {
    pub(crate) async fn open(driver: String) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let house = Opened::open(&folder.path().join("data"), Security::Auto).await?;
        let (strict, browsers) = Default::default();
        Ok(Self(Arc::new(Inner { driver, folder, house, strict, browsers })))
    }

    /// Ends the browsers and closes the shop.
    pub(crate) async fn close(&self) -> Result<()> {
        let browsers = std::mem::take(&mut *self.0.browsers.lock());
        for browser in browsers {
            browser.quit().await;
        }
        if let Some(strict) = self.0.strict.get() {
            strict.close().await?;
        }
        self.0.house.close().await
    }

    /// A browser with a new profile, that waits for pages to be loaded.
    pub(crate) async fn browser(&self) -> Result<Browser> {
        self.browser_with(PageLoadStrategy::Normal).await
    }

    /// A browser that returns at once after a click or a link, for pages that take long on purpose.
    pub(crate) async fn impatient_browser(&self) -> Result<Browser> {
        self.browser_with(PageLoadStrategy::None).await
    }

    async fn browser_with(&self, strategy: PageLoadStrategy) -> Result<Browser> {
        let profile = self.0.folder.path().join(format!("profile-{}", self.0.browsers.lock().len()));
        let browser =
            Browser::start(&self.0.driver, &profile, strategy, self.house().url("127.0.0.1")).await?;
        self.0.browsers.lock().push(browser.clone());
        Ok(browser)
    }

    /// The shop as it is set up by default.
    pub(crate) fn house(&self) -> &Opened {
        &self.0.house
    }

    /// A shop whose cookie is for encrypted connections only.
    pub(crate) async fn strict(&self) -> Result<&Opened> {
        let data = self.0.folder.path().join("strict");
        self.0.strict.get_or_try_init(|| Opened::open(&data, Security::Always)).await
    }

    /// Where the driver listens: another origin on the same machine, with a page of its own.
    pub(crate) fn driver(&self) -> &str {
        &self.0.driver
    }
}

impl Opened {
    async fn open(data: &Path, security: Security) -> Result<Self> {
        let live_every = Duration::from_millis(50);
        let config = Config { data_dir: data.to_owned(), security, live_every, ..Config::default() };
        std::fs::create_dir_all(data)?;
        let store = FaultStore::new(SqliteStore::open(data.join("sessions.db"))?);
        let faults = store.faults();
        let shop = Shop::over(store, &config)?;
        let server = Server::bind(0).await?;
        let port = server.address()?.port();
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let serving = tokio::spawn(server.run(shop.clone(), async move { stopped.notified().await }));
        Ok(Self { shop, faults, port, stop, serving: serving.into() })
    }

    async fn close(&self) -> Result<()> {
        self.stop.notify_one();
        (&mut *self.serving.lock().await).await??;
        Ok(())
    }

    /// The address, by one of the machine's names.
    pub(crate) fn url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }

    /// How often the engine was asked for a session, or told of one. Removing expired ones goes on in the background.
    pub(crate) fn calls(&self) -> u64 {
        let calls = self.faults.calls();
        calls.total() - calls.of(Operation::Purge)
    }

    /// All living sessions, as the shop's manager sees them.
    pub(crate) async fn sessions(&self) -> Result<Vec<Entry>> {
        Ok(self.shop.sessions().list(ListQuery::all()).try_collect().await?)
    }
}
