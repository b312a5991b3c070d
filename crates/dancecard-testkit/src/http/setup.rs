//! How the site of a script is set up.

use std::time::Duration;

use dancecard_core::{AtLimit, ConflictPolicy, FailurePolicy, Lifetime, Policy};
use dancecard_http::{CookieConfig, CookieLifetime, HeaderConfig, SameSite, Security, Transport};

use super::parse::duration;

/// The lines before the first request.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) transport: Option<Transport>,
    pub(super) policy: Policy,
    pub(super) layers: Layers,
    pub(super) device: bool,
    /// Only where loopback hosts are treated with leniency.
    pub(super) debug_only: bool,
    pub(super) max_records: usize,
}

/// Which layers are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layers {
    One,
    /// The same one twice.
    Twice,
    /// Two managers of one kind, in the same cookie.
    TwoManagers,
    /// Two kinds, each in its own cookie.
    TwoKinds,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            transport: None,
            policy: Policy::default(),
            layers: Layers::One,
            device: false,
            debug_only: false,
            max_records: usize::MAX,
        }
    }
}

impl Setup {
    /// Reads a line of the set-up; `Ok(false)` when it is another kind of line.
    pub(super) fn read(&mut self, line: &str) -> Result<bool, String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut settings = rest.split(' ').filter(|word| !word.is_empty());
        match word {
            "cookie" => self.transport = Some(Transport::Cookie(cookie(settings)?)),
            "transport" => self.transport = Some(Transport::Header(header(rest)?)),
            "policy" => self.policy = settings.try_fold(self.policy.clone(), policy)?,
            "layers" => self.layers = layers(rest)?,
            "device-facts" => self.device = true,
            "debug-only" => self.debug_only = true,
            "max-records" => self.max_records = number(rest)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn cookie<'a>(settings: impl Iterator<Item = &'a str>) -> Result<CookieConfig, String> {
    let mut config = CookieConfig::default();
    for setting in settings {
        config = match setting.split_once('=').unwrap_or((setting, "")) {
            ("name", name) => CookieConfig::new(name),
            ("exact", "") => config.with_exact_name(),
            ("domain", domain) => config.with_domain(domain),
            ("path", path) => config.with_path(path),
            ("same-site", value) => config.with_same_site(same_site(value)?),
            ("always-secure", "") => config.with_security(Security::Always),
            ("never-secure", "") => config.with_security(Security::Never),
            ("persistent", "") => config.with_lifetime(CookieLifetime::Persistent),
            ("partitioned", "") => config.with_partitioned(),
            _ => return Err(unknown(setting, "a setting of the cookie")),
        };
    }
    Ok(config)
}

fn same_site(value: &str) -> Result<SameSite, String> {
    match value {
        "lax" => Ok(SameSite::Lax),
        "strict" => Ok(SameSite::Strict),
        "none" => Ok(SameSite::None),
        other => Err(unknown(other, "lax, strict or none")),
    }
}

fn header(rest: &str) -> Result<HeaderConfig, String> {
    match rest.split_once(' ') {
        Some(("header", name)) => Ok(HeaderConfig::new(name)),
        Some(("bearer", name)) => Ok(HeaderConfig::bearer(name)),
        _ => Err(unknown(rest, "`header` or `bearer` and a name")),
    }
}

fn layers(text: &str) -> Result<Layers, String> {
    match text {
        "twice" => Ok(Layers::Twice),
        "two-managers" => Ok(Layers::TwoManagers),
        "two-kinds" => Ok(Layers::TwoKinds),
        other => Err(unknown(other, "twice, two-managers or two-kinds")),
    }
}

fn policy(policy: Policy, setting: &str) -> Result<Policy, String> {
    match setting.split_once('=') {
        Some(("idle", span)) => Ok(policy.with_lifetime(Lifetime::idle(span_of(span)?))),
        Some(("absolute", span)) => Ok(policy.with_lifetime(Lifetime::absolute(span_of(span)?))),
        Some(("renewal", spans)) => renewal(policy, spans),
        Some(("failure", "anonymous")) => Ok(policy.with_failure(FailurePolicy::Anonymous)),
        Some(("conflict", "reject")) => Ok(policy.with_conflict(ConflictPolicy::Reject)),
        Some(("max-payload", bytes)) => Ok(policy.with_max_payload(number(bytes)?)),
        Some(("max-sessions", limit)) => max_sessions(policy, limit),
        _ => Err(unknown(setting, "a setting of the policy")),
    }
}

/// `10m/30s`: the interval, and the grace.
fn renewal(policy: Policy, spans: &str) -> Result<Policy, String> {
    let (interval, grace) = spans.split_once('/').ok_or_else(|| unknown(spans, "an interval/grace"))?;
    Ok(policy.with_renewal(span_of(interval)?, span_of(grace)?))
}

/// `2/refuse`: how many, and which one goes.
fn max_sessions(policy: Policy, limit: &str) -> Result<Policy, String> {
    let (limit, goes) = limit.split_once('/').ok_or_else(|| unknown(limit, "a number/who goes"))?;
    let at_limit = match goes {
        "oldest" => AtLimit::EndOldest,
        "idlest" => AtLimit::EndIdlest,
        "refuse" => AtLimit::RefuseNew,
        other => return Err(unknown(other, "oldest, idlest or refuse")),
    };
    Ok(policy.with_max_sessions(number(limit)?, at_limit))
}

fn span_of(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| unknown(text, "a span of time, as in 30s, 10m, 2h or 5d"))
}

pub(super) fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| unknown(text, "a number"))
}

pub(super) fn unknown(got: &str, expected: &str) -> String {
    format!("`{got}` is not {expected}")
}
