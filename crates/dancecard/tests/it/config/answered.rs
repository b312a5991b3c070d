//! What a browser is sent, by the keys of either Dancer: in YAML, in TOML, and in variables.

use std::collections::BTreeSet;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use dancecard::axum::{Session, SessionError, SessionLayer};
use dancecard::config::{Loader, engines, layer};
use tower_service::Service as _;

trials! {
    the_cookie_is_what_dancer_2_was_told,
    the_cookie_is_what_dancer_1_was_told,
}

/// In a section of an engine, and the cookie that comes of it.
const OF_DANCER_2: [(&str, &str); 8] = [
    ("cookie_name", "my.session"),
    ("cookie_domain", "example.org"),
    ("cookie_path", "/shop"),
    ("cookie_same_site", "Strict"),
    ("cookie_duration", "2 weeks"),
    ("session_duration", "3600"),
    ("is_secure", "1"),
    ("is_http_only", "1"),
];
const SENT_BY_2: [&str; 7] = [
    "my.session",
    "Domain=example.org",
    "HttpOnly",
    "Max-Age=1209600",
    "Path=/shop",
    "SameSite=Strict",
    "Secure",
];

/// At the top.
const OF_DANCER_1: [(&str, &str); 6] = [
    ("session_name", "old.session"),
    ("session_domain", "example.org"),
    ("session_secure", "1"),
    ("session_is_http_only", "1"),
    ("session_same_site", "None"),
    ("session_expires", "1 hour"),
];
const SENT_BY_1: [&str; 7] =
    ["old.session", "Domain=example.org", "HttpOnly", "Max-Age=3600", "Path=/", "SameSite=None", "Secure"];

/// The name of the cookie, and its attributes.
async fn sent(layer: SessionLayer) -> BTreeSet<String> {
    let set = async |session: Session| session.set("user", "ada").map_err(SessionError::from);
    let mut app = Router::new().route("/shop", get(set)).layer(layer);
    let mut request = http::Request::new(Body::empty());
    *request.uri_mut() = "/shop".parse().unwrap();
    let response = app.call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let line = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (name, rest) = line.split_once('=').unwrap();
    let attributes = rest.split("; ").skip(1).filter(|attribute| !attribute.starts_with("Expires="));
    attributes.chain([name]).map(in_whole_hours).collect()
}

/// The seconds that have passed since the session began belong to it.
fn in_whole_hours(attribute: &str) -> String {
    match attribute.strip_prefix("Max-Age=") {
        Some(seconds) => format!("Max-Age={}", seconds.parse::<u64>().unwrap().div_ceil(3600) * 3600),
        None => attribute.to_owned(),
    }
}

fn written(folder: &Path, name: &str, text: &str) -> SessionLayer {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    layer(&file).unwrap()
}

async fn the_cookie_is_what_dancer_2_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = folder.path().join("sessions").display().to_string();
    let keys = || OF_DANCER_2.into_iter().chain([("session_dir", sessions.as_str())]);
    let expected = SENT_BY_2.map(str::to_owned).into();

    let lines: String = keys().map(|(key, value)| format!("      {key}: '{value}'\n")).collect();
    let yaml = format!("session: YAML\nengines:\n  session:\n    YAML:\n{lines}");
    assert_eq!(sent(written(folder.path(), "config.yml", &yaml)).await, expected);

    let lines: String = keys().map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
    let toml = format!("session = \"YAML\"\n[engines.session.YAML]\n{lines}");
    assert_eq!(sent(written(folder.path(), "config.toml", &toml)).await, expected);

    let names = keys().map(|(key, value)| {
        (format!("DANCECARD_ENGINES__SESSION__YAML__{}", key.to_uppercase()), value.to_owned())
    });
    let variables = names.chain([("DANCECARD_SESSION".to_owned(), "YAML".to_owned())]);
    assert_eq!(by_variables(folder.path(), variables).await, expected);
    assert_eq!(stored(&sessions), 3);
}

async fn the_cookie_is_what_dancer_1_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = folder.path().join("sessions").display().to_string();
    let keys = || OF_DANCER_1.into_iter().chain([("session", "YAML"), ("session_dir", sessions.as_str())]);
    let expected = SENT_BY_1.map(str::to_owned).into();

    let yaml: String = keys().map(|(key, value)| format!("{key}: '{value}'\n")).collect();
    assert_eq!(sent(written(folder.path(), "config.yml", &yaml)).await, expected);

    let toml: String = keys().map(|(key, value)| format!("{key} = \"{value}\"\n")).collect();
    assert_eq!(sent(written(folder.path(), "config.toml", &toml)).await, expected);

    let variables =
        keys().map(|(key, value)| (format!("DANCECARD_{}", key.to_uppercase()), value.to_owned()));
    assert_eq!(by_variables(folder.path(), variables).await, expected);
    assert_eq!(stored(&sessions), 3);
}

async fn by_variables(folder: &Path, variables: impl Iterator<Item = (String, String)>) -> BTreeSet<String> {
    let file = folder.join("empty.yml");
    std::fs::write(&file, "charset: UTF-8\n").unwrap();
    let config = Loader::new(file).with_variables(variables).load(&engines()).unwrap();
    sent(SessionLayer::over(config.http().unwrap())).await
}

/// How many sessions there are, of YAML.
fn stored(folder: &str) -> usize {
    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }
    let is_session =
        |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    files(&Path::new(folder).join("sessions")).iter().filter(|path| is_session(path)).count()
}
