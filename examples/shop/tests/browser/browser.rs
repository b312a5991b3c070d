//! A browser, with the few things that people do in a shop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::*;
use thirtyfour::{Cookie, PageLoadStrategy, WindowHandle};

use crate::driver;

/// The password of everyone.
pub(crate) const PASSWORD: &str = "may I have this dance";

const FLAGS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
];

/// How long a page may take to show what is waited for, and how often it is looked at.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A browser with a profile of its own. A clone moves the same one.
#[derive(Clone)]
pub(crate) struct Browser {
    driver: WebDriver,
    shop: String,
}

impl Browser {
    pub(crate) async fn start(
        driver: &str,
        profile: &Path,
        strategy: PageLoadStrategy,
        shop: String,
    ) -> Result<Self> {
        let mut wanted = DesiredCapabilities::chrome();
        let program = driver::browser().context("there is no browser")?;
        wanted.set_binary(&program.to_string_lossy())?;
        wanted.set_page_load_strategy(strategy)?;
        for flag in FLAGS {
            wanted.add_arg(flag)?;
        }
        wanted.add_arg(&format!("--user-data-dir={}", profile.display()))?;
        let poller = Arc::new(ElementPollerWithTimeout::new(PATIENCE, LOOK_EVERY));
        let driver = WebDriver::builder(driver, wanted).poller(poller).connect().await?;
        Ok(Self { driver, shop })
    }

    /// Ends it. If it doesn't answer any more, its process is ended.
    pub(crate) async fn quit(self) {
        let process = self.driver.capabilities().get("goog:processID").and_then(|id| id.as_u64());
        if let (Err(_), Some(id)) = (self.driver.quit().await, process) {
            let _ = std::process::Command::new("kill").arg(id.to_string()).status();
        }
    }

    /// The driver itself, for what is done once.
    pub(crate) fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Goes to a page of the shop.
    pub(crate) async fn open(&self, path: &str) -> Result<()> {
        Ok(self.driver.goto(format!("{}{path}", self.shop)).await?)
    }

    /// Waits until there is an element of this name with exactly this text.
    pub(crate) async fn see(&self, element: &str, text: &str) -> Result<WebElement> {
        self.find(&format!("//{element}[normalize-space()=\"{text}\"]")).await
    }

    /// Waits until there is an element at this XPath.
    pub(crate) async fn find(&self, path: &str) -> Result<WebElement> {
        Ok(self.driver.query(By::XPath(path)).first().await?)
    }

    /// Whether there is such an element now, on a page that is complete.
    pub(crate) async fn sees(&self, element: &str, text: &str) -> Result<bool> {
        let path = format!("//{element}[normalize-space()=\"{text}\"]");
        Ok(!self.driver.find_all(By::XPath(path)).await?.is_empty())
    }

    /// Waits for the page with this heading.
    pub(crate) async fn arrive(&self, heading: &str) -> Result<()> {
        self.see("h1", heading).await.map(drop)
    }

    /// Waits for a flash.
    pub(crate) async fn flash(&self, sentence: &str) -> Result<()> {
        self.see("p[@class='flash']", sentence).await.map(drop)
    }

    /// Presses a button.
    pub(crate) async fn press(&self, label: &str) -> Result<()> {
        Ok(self.see("button", label).await?.click().await?)
    }

    /// Types into a field.
    pub(crate) async fn fill(&self, field: &str, text: &str) -> Result<()> {
        let field = self.driver.query(By::Id(field)).first().await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Signs someone up, who is signed in then.
    pub(crate) async fn sign_up(&self, name: &str) -> Result<()> {
        self.open("/sign-up").await?;
        self.fill("name", name).await?;
        self.fill("password", PASSWORD).await?;
        self.press("Sign up").await?;
        self.flash(&format!("Welcome, {name}.")).await
    }

    /// Signs someone in.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Result<()> {
        self.open("/sign-in").await?;
        self.fill("name", name).await?;
        self.fill("password", password).await?;
        self.press("Sign in").await
    }

    /// Opens another tab, and moves there.
    pub(crate) async fn new_tab(&self) -> Result<WindowHandle> {
        let tab = self.driver.new_tab().await?;
        self.driver.switch_to_window(tab.clone()).await?;
        Ok(tab)
    }

    /// Moves to a tab.
    pub(crate) async fn switch_to(&self, tab: &WindowHandle) -> Result<()> {
        Ok(self.driver.switch_to_window(tab.clone()).await?)
    }

    /// The one cookie.
    pub(crate) async fn cookie(&self) -> Result<Cookie> {
        let cookies = self.driver.get_all_cookies().await?;
        let [cookie] = cookies.as_slice() else { bail!("{} cookies", cookies.len()) };
        Ok(self.driver.get_named_cookie(cookie.name.as_str()).await?)
    }

    /// Fails if there is any cookie.
    pub(crate) async fn has_no_cookie(&self) -> Result<()> {
        let cookies = self.driver.get_all_cookies().await?;
        let names: Vec<_> = cookies.into_iter().map(|cookie| cookie.name).collect();
        ensure!(names.is_empty(), "there are cookies: {names:?}");
        Ok(())
    }
}
