//! Everything around the adapter in one run of a script: the engine, the clock, the browsers, the site.

use std::collections::BTreeMap;

use dancecard_core::{Clock, ManualClock, MemoryStore, SessionManager, Timestamp};
use dancecard_http::{CookieConfig, SessionHttp, Transport};

use super::browser::Browser;
use super::gates::Gates;
use super::script::Request;
use super::setup::{Layers, Setup};
use super::site::{Kind, Layer, Site};
use super::tokens::Tokens;
use super::watched::Watched;
use crate::failure::Outcome;

pub(super) struct World {
    pub(super) store: Watched,
    pub(super) clock: ManualClock,
    pub(super) gates: Gates,
    pub(super) tokens: Tokens,
    pub(super) manager: SessionManager,
    browsers: BTreeMap<String, Browser>,
}

impl World {
    /// A world before anyone came, and its site.
    pub(super) fn new(setup: &Setup) -> Outcome<(Self, Site)> {
        let store = Watched::new(MemoryStore::new().with_max_sessions(setup.max_records));
        let clock = ManualClock::default();
        let manager = manager(&store, &clock, setup);
        let gates = Gates::default();
        let site = Site::new(layers(&manager, &store, &clock, setup)?, gates.clone());
        let world =
            Self { store, clock, gates, tokens: Tokens::default(), manager, browsers: BTreeMap::new() };
        Ok((world, site))
    }

    pub(super) fn browser(&mut self, name: &str) -> &mut Browser {
        self.browsers.entry(name.to_owned()).or_default()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The request as the browser sends it, with its cookies.
    pub(super) fn request(&mut self, request: &Request) -> Result<http::Request<Vec<u8>>, String> {
        let now = self.now();
        let browser = self.browser(&request.browser);
        let mut lines = vec![("Host".to_owned(), browser.origin.authority().to_owned())];
        lines.extend(browser.header(request.path(), now).map(|line| ("Cookie".to_owned(), line)));
        let says = |name: &str| request.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        lines.retain(|(name, _)| !says(name));
        lines.extend(request.headers.iter().cloned());
        let mut builder = http::Request::builder().method(&request.method).uri(&request.target);
        for (name, value) in lines {
            builder = builder.header(name, bytes(&self.tokens.fill(&value)?)?);
        }
        builder.body(Vec::new()).map_err(|error| error.to_string())
    }
}

/// Header values are bytes; a script may write one as `\xHH`.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let mut parts = text.split("\\x");
    let mut bytes: Vec<u8> = parts.next().unwrap_or_default().into();
    for part in parts {
        let digits = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(digits.ok_or_else(|| format!("`\\x{part}` wants two hexadecimal digits"))?);
        bytes.extend(part.bytes().skip(2));
    }
    Ok(bytes)
}

fn manager(store: &Watched, clock: &ManualClock, setup: &Setup) -> SessionManager {
    SessionManager::new(store.clone()).with_clock(clock.clone()).with_policy(setup.policy.clone())
}

fn layers(
    manager: &SessionManager,
    store: &Watched,
    clock: &ManualClock,
    setup: &Setup,
) -> Outcome<Vec<Layer>> {
    let main = Layer::new(over(manager.clone(), setup)?, Kind::Main);
    Ok(match setup.layers {
        Layers::One => vec![main],
        Layers::Twice => vec![main.clone(), main],
        Layers::TwoManagers => {
            let other = self::manager(store, clock, setup).with_namespace("other");
            vec![Layer::new(over(other, setup)?, Kind::Main), main]
        }
        Layers::TwoKinds => {
            let second = self::manager(store, clock, setup).with_namespace("second");
            let transport = Transport::Cookie(CookieConfig::new("second"));
            vec![Layer::new(SessionHttp::new(second).with_transport(transport)?, Kind::Second), main]
        }
    })
}

fn over(manager: SessionManager, setup: &Setup) -> Outcome<SessionHttp> {
    let http = SessionHttp::new(manager);
    let http = match &setup.transport {
        Some(transport) => http.with_transport(transport.clone())?,
        None => http,
    };
    Ok(if setup.device { http.with_device_facts() } else { http })
}
