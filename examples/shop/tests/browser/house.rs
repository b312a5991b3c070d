//! What all flows share: a runtime, and the driver, which is started when the first of them needs it.

use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::driver::{self, Driver};
use crate::stage::{Flow, Stage};

/// Nothing takes so long. It is for a browser that hangs.
const LONGEST: Duration = Duration::from_secs(300);

/// What all flows share.
pub(crate) struct House {
    runtime: Runtime,
    driver: Mutex<Option<Driver>>,
}

impl House {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { runtime: Runtime::new()?, driver: Mutex::default() })
    }

    /// Which program is missing, if one is.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        driver::missing()
    }

    /// Plays a flow, and takes the stage down whatever came of it.
    pub(crate) fn play(&self, flow: Flow) -> Result<()> {
        let driver = self.driver_url()?;
        self.runtime.block_on(async {
            let stage = Stage::open(driver).await?;
            // A task, so that a failed assertion ends here.
            let outcome = tokio::spawn(tokio::time::timeout(LONGEST, flow(stage.clone()))).await;
            let closed = stage.close().await;
            outcome?.context("the flow hangs")??;
            closed.context("the shop does not close")
        })
    }

    fn driver_url(&self) -> Result<String> {
        let mut driver = self.driver.lock();
        if driver.is_none() {
            *driver = Some(Driver::start()?);
        }
        Ok(driver.as_ref().map(Driver::url).unwrap_or_default())
    }
}
