//! Connection strings of MongoDB, as far as this engine reads them itself: which settings are its own, what may be
//! shown.

use dancecard_core::{EngineUrl, Error, Result, Setting};

use crate::config::Config;
use crate::error::ENGINE;

/// The options of a connection string, which the driver reads. The rest, of them and of their values, is its business.
const OPTIONS: &[&str] = &[
    "appName",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "connectTimeoutMS",
    "directConnection",
    "heartbeatFrequencyMS",
    "loadBalanced",
    "localThresholdMS",
    "maxConnecting",
    "maxIdleTimeMS",
    "maxPoolSize",
    "minPoolSize",
    "replicaSet",
    "retryReads",
    "retryWrites",
    "serverMonitoringMode",
    "srvMaxHosts",
    "srvServiceName",
    "ssl",
    "tls",
    "tlsAllowInvalidCertificates",
    "tlsAllowInvalidHostnames",
    "tlsCAFile",
    "tlsCertificateKeyFile",
    "tlsCertificateKeyFilePassword",
    "tlsInsecure",
    "waitQueueTimeoutMS",
];

/// Options that the engine has settings of its own for.
const REPLACED: &[(&str, &str)] = &[
    ("w", "write_concern"),
    ("wTimeoutMS", "timeout_ms"),
    ("j", "journal"),
    ("readConcernLevel", "read_concern"),
    ("serverSelectionTimeoutMS", "timeout_ms"),
    ("socketTimeoutMS", "timeout_ms"),
    ("timeoutMS", "timeout_ms"),
];

/// Divides a URL into the engine's settings, which it changes in `config`, and the connection string.
///
/// # Errors
/// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for another scheme, or an unknown or unreadable setting.
pub(crate) fn read(url: &str, config: &mut Config) -> Result<()> {
    let parsed = EngineUrl::parse(ENGINE, url)?;
    if !["mongodb", "mongodb+srv"].contains(&parsed.scheme()) {
        return Err(
            Setting::new(ENGINE, "uri", "").refuse("the URL must begin with `mongodb:` or `mongodb+srv:`")
        );
    }
    if let Some(database) = database(parsed.location()) {
        config.database = database.to_owned();
    }
    for setting in parsed.settings() {
        if !is_option(setting.name()) {
            config.set(&setting).map_err(|error| hinted(&setting, error))?;
        }
    }
    // The driver takes the scheme in small letters only.
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    config.uri = without_settings(&format!("{}:{rest}", parsed.scheme()));
    Ok(())
}

/// An option that is ours under another name deserves that name.
fn hinted(setting: &Setting<'_>, error: Error) -> Error {
    let ours = REPLACED.iter().find(|(option, _)| option.eq_ignore_ascii_case(setting.name()));
    match ours {
        Some((option, ours)) => setting.refuse(format!("instead of `{option}` set `{ours}`")),
        None if Config::SETTINGS.contains(&setting.name()) => error,
        None => setting.unknown(&[Config::SETTINGS, OPTIONS].concat()),
    }
}

fn is_option(name: &str) -> bool {
    OPTIONS.iter().any(|option| option.eq_ignore_ascii_case(name))
}

/// The database that a location names: what stands behind its last slash.
fn database(location: &str) -> Option<&str> {
    let place = location.strip_prefix("//").unwrap_or(location);
    let hosts = place.rsplit_once('@').map_or(place, |(_, hosts)| hosts);
    hosts.split_once('/').map(|(_, database)| database).filter(|database| !database.is_empty())
}

/// The URL with only the driver's options behind the question mark, as they were written.
fn without_settings(url: &str) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    let name = |part: &str| part.split('=').next().unwrap_or_default().to_owned();
    let options: Vec<_> = query.split('&').filter(|part| is_option(&name(part))).collect();
    if options.is_empty() { place.to_owned() } else { format!("{place}?{}", options.join("&")) }
}

/// A connection string without what may be a secret: user, password, options.
pub(crate) fn masked(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let place = rest.split_once('?').map_or(rest, |(place, _)| place);
    match place.rsplit_once('@') {
        Some((_, hosts)) => format!("{scheme}://(not shown)@{hosts}"),
        // Not well-formed, perhaps: then nobody can tell what is what.
        None if rest.contains('@') => format!("{scheme}://(not shown)"),
        None => format!("{scheme}://{place}"),
    }
}

/// The value of an option of a connection string, as it stands there.
pub(crate) fn option<'a>(uri: &'a str, name: &str) -> Option<&'a str> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = query.split('&').map(|part| part.split_once('=').unwrap_or((part, "")));
    pairs.find(|(option, _)| option.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Result<Config> {
        let mut config = Config::default();
        read(url, &mut config).map(|()| config)
    }

    #[test]
    fn settings_and_options_are_told_apart() {
        let url = "mongodb://h:1,i/shop?replicaSet=rs&collection=cards&tls=true&timeout_ms=250&MAXPOOLSIZE=7";
        let config = config(url).unwrap();
        assert_eq!(config.uri, "mongodb://h:1,i/shop?replicaSet=rs&tls=true&MAXPOOLSIZE=7");
        assert_eq!((config.database.as_str(), config.collection.as_str()), ("shop", "cards"));
        assert_eq!(config.timeout_ms, 250);
    }

    #[test]
    fn the_database_is_behind_the_hosts() {
        let cases = [
            ("mongodb://h", None),
            ("mongodb://h/", None),
            ("mongodb://h/shop", Some("shop")),
            ("mongodb://u:p%2Fq@h:1/shop?tls=true", Some("shop")),
            ("mongodb://%2Ftmp%2Fm.sock/shop", Some("shop")),
        ];
        for (url, expected) in cases {
            let default = Config::default().database;
            assert_eq!(config(url).unwrap().database, expected.unwrap_or(&default), "{url}");
        }
    }

    #[test]
    fn options_that_are_settings_are_named() {
        for (url, named) in [
            ("mongodb://h?w=1", "write_concern"),
            ("mongodb://h?readConcernLevel=local", "read_concern"),
            ("mongodb://h?serverSelectionTimeoutMS=1", "timeout_ms"),
            ("mongodb://h?replicaset_=x", "`replicaSet`"),
            ("mongodb://h?colection=x", "`collection`"),
        ] {
            let error = config(url).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn secrets_are_masked() {
        for uri in [
            "mongodb://u:hunter2@h/db?tlsCertificateKeyFilePassword=hunter2",
            "mongodb://u:hun?hunter2@h",
            "mongodb://u:a@hunter2@h",
            "mongodb://h/?authMechanismProperties=hunter2",
        ] {
            assert!(!masked(uri).contains("hunter2"), "{}", masked(uri));
        }
        assert_eq!(masked("mongodb://u:p@h:1,i/db?tls=true"), "mongodb://(not shown)@h:1,i/db");
    }
}
