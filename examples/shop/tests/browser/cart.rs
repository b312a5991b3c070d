//! One cart, several tabs.

use anyhow::{Result, ensure};
use dancecard_testkit::{Fault, Gate, Operation};

use crate::browser::Browser;
use crate::stage::Stage;

const ROUNDS: usize = 5;

/// In each round both tabs send their form when a third one gives the word. The engine lets go of what it read only
/// after both have read, so that each of them writes on top of the same version, and one of them must notice.
pub(crate) async fn two_tabs_at_once_lose_nothing(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.open("/").await?;
    browser.press("Add Bow tie to cart").await?;
    browser.flash("Bow tie: in your cart.").await?;
    let first = browser.driver().window().await?;
    let second = browser.new_tab().await?;
    let third = browser.new_tab().await?;
    browser.open("/about").await?;

    for round in 1..=ROUNDS {
        for (tab, product) in [(&first, "fan"), (&second, "gloves")] {
            browser.switch_to(tab).await?;
            browser.open("/").await?;
            get_ready(&browser, product).await?;
        }
        let gate = hold_two_reads(&stage);
        browser.switch_to(&third).await?;
        give_the_word(&browser).await?;
        gate.reached().await;
        gate.reached().await;
        gate.open();
        for tab in [&first, &second] {
            browser.switch_to(tab).await?;
            browser.find("//body[not(@data-ready)]//footer").await?;
        }
        browser.open("/cart").await?;
        browser.see("a[@href='/cart']", &format!("Cart with {} items", 1 + 2 * round)).await?;
    }
    for product in ["Folding fan", "Opera gloves"] {
        ensure!(quantity(&browser, product).await? == ROUNDS.to_string(), "of {product}");
    }
    Ok(())
}

/// Forty requests of two tabs, as they come.
pub(crate) async fn many_requests_at_once_lose_nothing(stage: Stage) -> Result<()> {
    let browser = stage.browser().await?;
    browser.open("/").await?;
    browser.press("Add Bow tie to cart").await?;
    browser.flash("Bow tie: in your cart.").await?;
    let first = browser.driver().window().await?;
    let second = browser.new_tab().await?;
    for tab in [&first, &second] {
        browser.switch_to(tab).await?;
        browser.open("/about").await?;
        browser.driver().execute(SEND_TWENTY, vec![]).await?;
    }
    for tab in [&first, &second] {
        browser.switch_to(tab).await?;
        browser.driver().execute_async("window.sent.then(arguments[0])", vec![]).await?;
    }
    browser.open("/cart").await?;
    let quantity = quantity(&browser, "Folding fan").await?;
    ensure!(quantity == "40", "{quantity} of 40");
    Ok(())
}

const SEND_TWENTY: &str = "
    const body = new URLSearchParams({ product: 'fan' });
    const add = () => fetch('/cart/add', { method: 'POST', body, redirect: 'manual' });
    window.sent = Promise.all(Array.from({ length: 20 }, add));";

async fn quantity(browser: &Browser, product: &str) -> Result<String> {
    let cell = browser.find(&format!("//tr[th='{product}']/td[1]")).await?;
    Ok(cell.text().await?)
}

async fn get_ready(browser: &Browser, product: &str) -> Result<()> {
    let script = format!(
        "const button = document.querySelector('button[value={product}]');
        document.body.dataset.ready = '';
        new BroadcastChannel('word').onmessage = () => button.click();"
    );
    browser.driver().execute(script, vec![]).await?;
    Ok(())
}

async fn give_the_word(browser: &Browser) -> Result<()> {
    browser.driver().execute("new BroadcastChannel('word').postMessage('now')", vec![]).await?;
    Ok(())
}

fn hold_two_reads(stage: &Stage) -> Gate {
    let gate = Gate::new();
    for _ in 0..2 {
        stage.house().faults.next(Operation::Load, Fault::HoldAfter(gate.clone()));
    }
    gate
}
