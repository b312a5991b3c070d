//! From the name of a service and its options to a client of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Once;

use dancecard_core::{Error, Result};
use opendal::{Operator, OperatorRegistry};

use crate::client::Client;
use crate::conditions::Conditions;
use crate::config::Config;
use crate::error;
use crate::options;

const MEMORY: &str = "memory";
/// Setting up its client makes a folder, so that waits for the first use.
const FILES: &str = "fs";

/// Services that a cargo feature of this crate brings, by the same name.
const FEATURES: &[&str] = &["azblob", "fs", "gcs", "s3"];

/// Services for which there is an engine that does more: native expiry, indexes, comparison in one round trip.
const OWN: &[(&[&str], &str)] = &[
    (&["redis", "valkey"], "redis"),
    (&["memcached"], "memcached"),
    (&["mongodb", "gridfs"], "mongodb"),
    (&["postgresql", "postgres"], "postgres"),
    (&["mysql", "mariadb"], "mysql"),
    (&["sqlite"], "sqlite"),
];

/// What is known of a service without asking it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// Whether objects survive the end of the process, and other processes see them.
    pub(crate) is_lasting: bool,
}

/// Sets up a client. Nothing is sent yet.
///
/// # Errors
/// `Config` for a service that there is no feature for, that one of our engines is for, or that can't compare before it
/// writes, and for options that it does not take.
pub(crate) fn client(config: &Config) -> Result<(Client, Traits)> {
    let scheme = scheme(config)?;
    known(&scheme, config)?;
    let operator = if scheme == FILES { None } else { Some(operator(&scheme, config)?) };
    let can = |operator: &Operator| Conditions::of(&scheme, &operator.info().capability());
    let conditions = operator.as_ref().map_or(Conditions::Nobody { creates: true }, can);
    let conditions = permitted(&scheme, conditions, config.last_writer_wins)?;
    let deadline = (conditions != Conditions::Alone).then(|| config.timeout());
    let client = match operator {
        Some(operator) => Client::new(operator, conditions, deadline),
        None => {
            root(config)?;
            Client::later(conditions, deadline)
        }
    };
    let in_process = ["memory", "moka", "mini-moka", "dashmap", "foyer"];
    let traits = Traits { is_lasting: !in_process.contains(&scheme.as_str()) };
    Ok((client, traits))
}

/// Sets up a client of files, which makes the folder.
///
/// # Errors
/// `Config` when there is none and none is to be made, or it can't be.
pub(crate) fn files(config: &Config, operation: &'static str) -> Result<Operator> {
    if !config.create && !Path::new(root(config)?).is_dir() {
        return Err(error::config(operation, "there is no such folder, and `create` is off"));
    }
    operator(FILES, config)
}

fn scheme(config: &Config) -> Result<String> {
    let Some(backend) = &config.backend else {
        warn_of_memory();
        return Ok(MEMORY.to_owned());
    };
    let scheme = backend.to_ascii_lowercase();
    match OWN.iter().find(|(names, _)| names.contains(&scheme.as_str())) {
        Some((_, engine)) => Err(error::config(
            "configure",
            format!(
                "use the engine `{engine}` for that: it compares, expires and lists by what the server can do"
            ),
        )),
        None => Ok(scheme),
    }
}

/// Once for the whole process.
fn warn_of_memory() {
    static WARNING: Once = Once::new();
    WARNING.call_once(|| {
        tracing::warn!(
            "no backend is named, so sessions are kept in the memory of this process and end with it; name one with \
             `backend`"
        );
    });
}

/// Sees that the build has the service, and the service its options.
fn known(scheme: &str, config: &Config) -> Result<()> {
    install();
    let present = OperatorRegistry::get().schemes();
    if !present.contains(scheme) {
        return Err(absent(scheme, present.into_iter().collect()));
    }
    options::check(scheme, config.options.keys())
}

fn operator(scheme: &str, config: &Config) -> Result<Operator> {
    let options = match scheme {
        FILES => whole_files(config)?,
        "s3" => checked(config.options.clone()),
        _ => config.options.clone(),
    };
    let operator = Operator::via_iter(scheme, options).map_err(|cause| {
        let refused = error::refused("configure", error::Step::Read, &cause);
        error::config(
            "configure",
            "the backend does not take its options as they are; one is missing or not usable",
        )
        .with_source(refused)
    })?;
    connected(operator)
}

/// The error for a backend that this build lacks, with the cargo feature that brings it.
fn absent(scheme: &str, mut present: Vec<String>) -> Error {
    present.sort();
    let present: Vec<_> = present.into_iter().map(|name| format!("`{name}`")).collect();
    let is_plain =
        scheme.len() <= 24 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let remedy = if FEATURES.contains(&scheme) {
        format!(
            "the backend `{scheme}` comes with the cargo feature `{scheme}` of dancecard-store-object, which is \
             `object-{scheme}` of dancecard"
        )
    } else if is_plain {
        format!(
            "the backend `{scheme}`, if it is one, comes with the cargo feature `services-{scheme}` of opendal"
        )
    } else {
        // Perhaps a URL with a password.
        "a backend is a name such as `s3`, not an address".to_owned()
    };
    error::config("configure", format!("{remedy}; this build has {}", present.join(", ")))
}

/// Files are to be renamed into place, or readers would see halves.
fn whole_files(config: &Config) -> Result<BTreeMap<String, String>> {
    let unfinished = format!("{}/.unfinished", root(config)?);
    let mut options = config.options.clone();
    options.entry("atomic_write_dir".into()).or_insert(unfinished);
    Ok(options)
}

fn root(config: &Config) -> Result<&str> {
    let root = config.options.get("root").map(String::as_str);
    root.ok_or_else(|| error::config("configure", "the option `root` must name a folder"))
}

/// What is written says its hash, or a server may take half a request for a whole one. MD5 is what all of them know.
fn checked(mut options: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_chosen = options.keys().any(|name| name.to_ascii_lowercase().ends_with("checksum_algorithm"));
    if !is_chosen {
        options.insert("checksum_algorithm".into(), "md5".into());
    }
    options
}

/// What the engine makes do with, if the settings permit it.
fn permitted(scheme: &str, can: Conditions, last_writer_wins: bool) -> Result<Conditions> {
    match can {
        _ if last_writer_wins && can != Conditions::Alone => {
            let creates = can.is_remote() || can == Conditions::Nobody { creates: true };
            Ok(Conditions::Nobody { creates })
        }
        Conditions::Nobody { .. } if scheme == "fs" => Err(error::config(
            "configure",
            "files can't be compared before they are written there; use the engine `file`, which does it, or set \
             `last_writer_wins`",
        )),
        Conditions::Nobody { .. } => Err(error::config(
            "configure",
            "the backend can't compare before it writes, so changes made at the same time would be lost; use another \
             one, or accept that by setting `last_writer_wins`",
        )),
        can => Ok(can),
    }
}

/// Makes the services known that this build has.
fn install() {
    #[cfg(feature = "http")]
    {
        // If the application installed one already, that is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    opendal::install_default();
}

/// The same with a client for HTTP of its own, whose connections no other engine uses, nor another runtime.
#[cfg(feature = "http")]
fn connected(operator: Operator) -> Result<Operator> {
    use opendal::{HttpTransporter, OperationContext};
    use opendal_http_transport_reqwest::ReqwestTransport;

    let client = reqwest::Client::builder().build().map_err(|cause| {
        error::config("configure", "no client for HTTPS can be made; see to the certificates of this system")
            .with_source(cause)
    })?;
    let transport = HttpTransporter::new(ReqwestTransport::new(client));
    Ok(operator.with_context(OperationContext::new().with_http_transport(transport)))
}

#[cfg(not(feature = "http"))]
fn connected(operator: Operator) -> Result<Operator> {
    Ok(operator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dancecard_core::ErrorKind;

    fn refusal(config: Config) -> String {
        let error = client(&config).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        error.to_string()
    }

    #[test]
    fn services_that_an_engine_is_for_are_refused_with_its_name() {
        for (backend, engine) in [("redis", "`redis`"), ("GridFS", "`mongodb`"), ("mariadb", "`mysql`")] {
            assert!(refusal(Config::new(backend)).contains(engine), "{backend}");
        }
    }

    #[test]
    fn services_that_are_not_there_are_refused_with_the_feature_that_brings_them() {
        assert!(refusal(Config::new("floppy")).contains("cargo feature `services-floppy` of opendal"));
        let error = absent("s3", vec!["memory".into(), "fs".into()]).to_string();
        assert!(error.contains("`object-s3` of dancecard; this build has `fs`, `memory`"), "{error}");
        let address = refusal(Config::new("s3://key:secret@host"));
        assert!(address.contains("not an address") && !address.contains("secret"), "{address}");
    }

    #[test]
    fn each_feature_brings_what_is_named_after_it() {
        install();
        let present = OperatorRegistry::get().schemes();
        let on = [
            ("azblob", cfg!(feature = "azblob")),
            ("fs", cfg!(feature = "fs")),
            ("gcs", cfg!(feature = "gcs")),
            ("s3", cfg!(feature = "s3")),
        ];
        assert!(
            on.iter().all(|(name, is_on)| FEATURES.contains(name) && (!is_on || present.contains(*name)))
        );
    }

    #[test]
    fn who_can_not_compare_is_refused_unless_that_is_accepted() {
        let nobody = Conditions::Nobody { creates: false };
        assert!(permitted("webdav", nobody, false).unwrap_err().to_string().contains("last_writer_wins"));
        assert!(permitted("fs", nobody, false).unwrap_err().to_string().contains("`file`"));
        assert_eq!(permitted("webdav", nobody, true).unwrap(), nobody);
        assert_eq!(permitted("s3", Conditions::Tags, false).unwrap(), Conditions::Tags);
        assert_eq!(permitted("s3", Conditions::Tags, true).unwrap(), Conditions::Nobody { creates: true });
        assert_eq!(permitted("memory", Conditions::Alone, true).unwrap(), Conditions::Alone);
    }

    #[cfg(feature = "fs")]
    #[test]
    fn what_files_can_do_is_known_before_there_is_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("sessions").to_string_lossy().into_owned();
        let config = Config::new(FILES).with_option("root", root).with_last_writer_wins(true);
        let (client, _) = client(&config).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let can = files(&config, "load").unwrap().info().capability();
        assert_eq!((client.conditions(), client.can_list()), (Conditions::of(FILES, &can), can.list));
    }
}
