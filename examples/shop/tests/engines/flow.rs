//! What happens in the shop, whatever the engine: one script for all of them.

use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::case::Abilities;
use crate::visitor::{Reply, Visitor};

const PASSWORD: &str = "may I have this dance";
const NEW_PASSWORD: &str = "the next one is mine";
/// How many each of two tabs puts into the cart, while the other one does.
const EACH: u32 = 6;

/// The script, on a shop that is open, and that is opened anew in between.
pub(crate) struct Flow<'a> {
    pub(crate) engine: &'a str,
    pub(crate) abilities: Abilities,
    pub(crate) desk: Visitor,
}

impl Flow<'_> {
    /// All of it up to where the shop is closed.
    pub(crate) fn before_closing(&self) -> Result<()> {
        self.a_flash_is_shown_once().context("a flash")?;
        self.signing_up_keeps_the_cart().context("signing up")?;
        self.two_tabs_fill_the_cart().context("the cart")?;
        self.one_device_ends_another().context("devices")?;
        self.a_new_password_leaves_one_device().context("the password")
    }

    /// All of it from where the shop is opened again, somewhere else.
    pub(crate) fn after_opening(self, address: SocketAddr) -> Result<()> {
        let flow = Self { desk: self.desk.clone().at(address), ..self };
        flow.sessions_stay_if_they_can().context("the shop was opened anew")?;
        flow.signing_out_is_the_end().context("signing out")
    }

    fn a_flash_is_shown_once(&self) -> Result<()> {
        self.desk.get("/")?.shows(&["For an evening of dancing"])?;
        ensure!(self.desk.cookies().is_empty(), "there is a cookie for nothing");
        self.desk.post("/cart/add", &[("product", "fan")])?.leads_to("/")?;
        self.desk.get("/")?.shows(&["Folding fan: in your cart.", "</span>1<span"])?;
        ensure!(!self.desk.get("/")?.has("in your cart."), "the flash is there again");
        Ok(())
    }

    fn signing_up_keeps_the_cart(&self) -> Result<()> {
        let before = self.desk.thief();
        self.desk.post("/sign-up", &[("name", "Ada"), ("password", PASSWORD)])?.leads_to("/")?;
        ensure!(self.desk.cookies() != before.cookies(), "the id is the old one");
        self.desk.get("/")?.shows(&["Welcome, Ada.", "</span>1<span"])?;
        before.get("/devices")?.leads_to("/sign-in")
    }

    /// Both are told that all went well. Then nothing is lost, unless the engine says that it may be.
    fn two_tabs_fill_the_cart(&self) -> Result<()> {
        let fill = |tab: Visitor| {
            (0..EACH).try_for_each(|_| tab.post("/cart/add", &[("product", "fan")])?.leads_to("/"))
        };
        thread::scope(|scope| {
            let tabs = [self.desk.clone(), self.desk.clone()].map(|tab| scope.spawn(move || fill(tab)));
            tabs.into_iter()
                .try_for_each(|tab| tab.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a panic"))))
        })?;
        let cart = self.desk.get("/cart")?;
        let mut quantities = cart.between("Folding fan</th><td class=\"number\">", "</td>");
        let quantity: u32 = quantities.next().context("there is a fan in the cart")?.parse()?;
        let all = 1 + 2 * EACH;
        let is_right = if self.abilities.merges { quantity == all } else { (1..=all).contains(&quantity) };
        ensure!(is_right, "{quantity} of {all}");
        Ok(())
    }

    fn one_device_ends_another(&self) -> Result<()> {
        let phone = self.phone(PASSWORD)?;
        phone.get("/")?.shows(&["Good to see you, Ada."])?;
        let page = self.desk.get("/devices")?;
        self.states_its_limits(&page)?;
        let key = if self.abilities.lists { self.key_of_the_phone(&page)? } else { "00".repeat(32) };
        self.desk.post("/devices/end", &[("key", &key)])?.leads_to("/devices")?;
        let said = if self.abilities.lists { "That device is signed out.".into() } else { self.no_list() };
        self.desk.get("/devices")?.shows(&[&format!("role=\"status\">{said}")])?;
        self.is_out(&phone)
    }

    /// Both devices are listed, and the other one has a button.
    fn key_of_the_phone(&self, page: &Reply) -> Result<String> {
        page.shows(&["Firefox on Linux", "Safari on iPhone", "<dd>127.0.0.1</dd>"])?;
        ensure!(page.between("<h2>", "</h2>").count() == 2, "two devices are listed");
        ensure!(page.between("badge\">this one<", "/span>").count() == 1, "one is this one");
        let mut keys = page.between("name=\"key\" value=\"", "\"");
        let key = keys.next().context("the other one can be ended")?.to_owned();
        ensure!(keys.next().is_none(), "this one can't");
        Ok(key)
    }

    fn a_new_password_leaves_one_device(&self) -> Result<()> {
        let phone = self.phone(PASSWORD)?;
        let others =
            if self.abilities.lists { "All other devices are signed out.".into() } else { self.no_list() };
        let change = [("old", PASSWORD), ("new", NEW_PASSWORD)];
        self.desk.post("/password", &change)?.leads_to("/devices")?;
        self.desk.get("/devices")?.shows(&[&format!("Your password is changed. {others}")])?;
        self.is_out(&phone)?;
        let late = self.someone().post("/sign-in", &[("name", "Ada"), ("password", PASSWORD)])?;
        ensure!(late.status == 422, "the old password still opens: {}", late.status);
        self.desk.post("/devices/end-others", &[])?.leads_to("/devices")?;
        let said = if self.abilities.lists { "Signed out elsewhere: 0.".into() } else { self.no_list() };
        self.desk.get("/devices")?.shows(&[&format!("role=\"status\">{said}")])
    }

    fn sessions_stay_if_they_can(&self) -> Result<()> {
        let page = self.desk.get("/devices")?;
        if self.abilities.stays {
            return page.shows(&["<h1>Your devices</h1>"]);
        }
        page.leads_to("/sign-in")?;
        self.sign_in(&self.desk, NEW_PASSWORD)
    }

    fn signing_out_is_the_end(&self) -> Result<()> {
        let thief = self.desk.thief();
        self.desk.post("/sign-out", &[])?.leads_to("/signed-out")?;
        ensure!(self.desk.cookies().is_empty(), "a cookie is left");
        self.desk.get("/devices")?.leads_to("/sign-in")?;
        let page = thief.get("/devices")?;
        match self.abilities.ends {
            true => page.leads_to("/sign-in"),
            false => self.states_its_limits(&page),
        }
    }

    fn someone(&self) -> Visitor {
        Visitor::new("Mozilla/5.0 (iPhone) Safari/600", self.desk.address())
    }

    fn phone(&self, password: &str) -> Result<Visitor> {
        let phone = self.someone();
        self.sign_in(&phone, password).map(|()| phone)
    }

    fn sign_in(&self, visitor: &Visitor, password: &str) -> Result<()> {
        visitor.post("/sign-in", &[("name", "Ada"), ("password", password)])?.leads_to("/")
    }

    /// Whoever was to be signed out is, where the engine finds them.
    fn is_out(&self, device: &Visitor) -> Result<()> {
        let page = device.get("/devices")?;
        if self.abilities.lists { page.leads_to("/sign-in") } else { self.states_its_limits(&page) }
    }

    /// Says all that the engine can't do, by the engine's name, and nothing else.
    fn states_its_limits(&self, page: &Reply) -> Result<()> {
        page.shows(&["<h1>Your devices</h1>"])?;
        let stated = page.between("<p class=\"limit\">", "</p>").map(str::to_owned);
        let expected = self.abilities.limits().map(|what| format!("The engine {} {what}.", self.engine));
        let (stated, expected): (Vec<_>, Vec<_>) = (stated.collect(), expected.collect());
        ensure!(stated == expected, "{stated:?}, and not {expected:?}");
        Ok(())
    }

    fn no_list(&self) -> String {
        format!("The engine {} {}.", self.engine, crate::case::NO_LIST)
    }
}
