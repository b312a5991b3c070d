//! Every name, every alias and every scheme of a URL, in any case.

use dancecard::Store as _;
use dancecard::config::engines;

use super::{KEY, fault, load};

trials! {
    names_and_aliases_count_in_any_case,
    schemes_of_urls_count_in_any_case,
    what_is_no_name_is_explained,
}

/// The engine, and what it is called.
const NAMES: &[(&str, &[&str])] = &[
    ("memory", &["memory", "simple"]),
    ("file", &["file", "yaml", "json"]),
    ("sqlite", &["sqlite", "sqlite3"]),
    ("postgres", &["postgres", "postgresql", "pg"]),
    ("mysql", &["mysql", "mariadb"]),
    ("redis", &["redis", "valkey"]),
    ("memcached", &["memcached", "memcache"]),
    #[cfg(feature = "mongodb")]
    ("mongodb", &["mongodb", "mongo"]),
    #[cfg(feature = "object")]
    ("object", &["object", "opendal", "kiokudb"]),
    ("cookie", &["cookie"]),
];

/// The engine, and URLs of it.
const URLS: &[(&str, &[&str])] = &[
    ("file", &["file:sessions", "file:/tmp/x", "file:///tmp/x"]),
    ("sqlite", &["sqlite:s.db", "sqlite:///tmp/x/s.db"]),
    ("postgres", &["postgres://h/x", "postgresql://h/x"]),
    ("mysql", &["mysql://h/x", "mariadb://h/x"]),
    (
        "redis",
        &[
            "redis://h",
            "rediss://h",
            "redis+sentinel://h/mymaster",
            "redis-sentinel://h/mymaster",
            "rediss+sentinel://h/mymaster",
            "rediss-sentinel://h/mymaster",
            "redis+cluster://h",
            "redis-cluster://h",
            "rediss+cluster://h",
            "rediss-cluster://h",
            "redis+unix:///run/redis.sock",
            "unix:///run/redis.sock",
            "valkey://h",
            "valkeys://h",
            "valkey+unix:///run/valkey.sock",
        ],
    ),
    ("memcached", &["memcached://h"]),
    #[cfg(feature = "mongodb")]
    ("mongodb", &["mongodb://h"]),
    #[cfg(feature = "object")]
    ("object", &["object:memory"]),
];

/// As it is, loud, and with a capital.
fn cases(text: &str) -> [String; 3] {
    let (first, rest) = text.split_at(1);
    [text.to_owned(), text.to_ascii_uppercase(), first.to_ascii_uppercase() + rest]
}

async fn names_and_aliases_count_in_any_case() {
    for (engine, names) in NAMES {
        for name in names.iter().flat_map(|name| cases(name)) {
            let keys = if *engine == "cookie" { format!("{{ keys: [{KEY}] }}") } else { "{}".to_owned() };
            let text = format!("session: {name}\nengines: {{ session: {{ {name}: {keys} }} }}\n");
            let store = load(&text).and_then(|config| config.store());
            assert_eq!(store.unwrap_or_else(|error| panic!("{name}: {error}")).engine(), *engine, "{name}");
        }
    }
    for (driver, engine) in
        [("Pg", "postgres"), ("mysql", "mysql"), ("MariaDB", "mysql"), ("SQLite", "sqlite")]
    {
        for name in cases("dbi") {
            for driver in cases(driver) {
                let text =
                    format!("session: {name}\nsession_options: {{ dsn: '{name}:{driver}:dbname=x' }}\n");
                let store = load(&text).and_then(|config| config.store());
                assert_eq!(store.unwrap_or_else(|error| panic!("{text}{error}")).engine(), engine, "{text}");
            }
        }
    }
}

async fn schemes_of_urls_count_in_any_case() {
    let sealed = format!("cookie:?keys={}", KEY.replace('=', "%3D"));
    let sealed = [("cookie", &[sealed.as_str()][..])];
    for (engine, urls) in URLS.iter().copied().chain(sealed) {
        for url in urls {
            let (scheme, rest) = url.split_once(':').unwrap();
            for scheme in cases(scheme) {
                let text = format!("session: '{scheme}:{rest}'\n");
                let store = load(&text).and_then(|config| config.store());
                assert_eq!(store.unwrap_or_else(|error| panic!("{text}{error}")).engine(), engine, "{text}");
            }
        }
    }
}

async fn what_is_no_name_is_explained() {
    for (text, expected) in [
        ("session: Rediss\n", "config.yml:1: session.engine: there is no such engine; did you mean `redis`?"),
        ("session: postgre\n", "did you mean `postgres`?"),
        ("session: 'redi://h'\n", "did you mean `redis`?"),
        ("session: Storable\n", "there is no such engine; there are `memory`, `file`, `sqlite`"),
        (
            "session: memory\nengines: { session: { Reddis: {} } }\n",
            "config.yml:2: engines.session.reddis: there is no",
        ),
    ] {
        assert!(fault(text).contains(expected), "{text}{}", fault(text));
    }
    // An engine of the build is not one that it lacks.
    assert!(engines().open("redis").is_ok());
}
