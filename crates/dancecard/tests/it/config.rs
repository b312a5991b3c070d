//! Engines chosen in a file, under our names and those of Dancer.

use std::path::Path;

use dancecard::Result;
use dancecard::config::{Config, Loader, engines};
use libtest_mimic::Trial;

#[cfg(feature = "axum")]
mod answered;
mod choices;
mod dsn;
#[cfg(all(feature = "mongodb", feature = "object-azblob", feature = "object-s3"))]
mod masked;
mod names;
mod sealed;
mod served;
#[cfg(feature = "axum")]
mod unconfigured;
mod unopened;

pub(crate) fn trials() -> Vec<Trial> {
    let modules = [
        #[cfg(feature = "axum")]
        answered::trials(),
        choices::trials(),
        dsn::trials(),
        #[cfg(all(feature = "mongodb", feature = "object-azblob", feature = "object-s3"))]
        masked::trials(),
        names::trials(),
        sealed::trials(),
        served::trials(),
        #[cfg(feature = "axum")]
        unconfigured::trials(),
        unopened::trials(),
    ];
    modules.into_iter().flatten().collect()
}

const KEY: &str = "T7GgwCLRZdlX1O2pmAWuk0l_rselYUc6iWbGVlRPEDA=";

fn load_in(folder: &Path, text: &str) -> Result<Config> {
    let file = folder.join("config.yml");
    std::fs::write(&file, text).unwrap();
    Loader::new(file).with_variables([("A", "b")]).load(&engines())
}

fn load(text: &str) -> Result<Config> {
    load_in(tempfile::tempdir().unwrap().path(), text)
}

/// What is wrong with this text, once it is read and its engine opened: from the name of the file on.
fn fault(text: &str) -> String {
    let error = load(text).and_then(|config| config.store()).map(drop).expect_err(text);
    assert_eq!(error.kind(), dancecard::ErrorKind::Config, "{error}");
    let detail = error.detail().unwrap();
    detail[detail.find("config.yml").unwrap_or_else(|| panic!("{detail}"))..].to_owned()
}

/// What it prints for a key.
fn value(config: &Config, key: &str) -> String {
    printed(config, key).0
}

/// What it prints for a key, and where it says that it is from.
fn printed(config: &Config, key: &str) -> (String, String) {
    let text = config.to_string();
    let line = text.lines().find(|line| line.split(" = ").next().unwrap().trim() == key);
    let line = line.unwrap_or_else(|| panic!("no {key} in:\n{text}"));
    let (value, place) = line.split_once(" = ").unwrap().1.rsplit_once("  (").unwrap();
    let place = place.trim_end_matches(')').rsplit('/').next().unwrap();
    (value.trim().to_owned(), place.to_owned())
}
