//! Engines that this build does not contain are named with the feature that brings them.

use dancecard::config::{Loader, engines};
use dancecard::{ErrorKind, Store as _};

trials! {
    an_engine_is_in_the_build_or_named_with_its_feature,
    what_stands_for_an_engine_names_its_feature_too,
    a_variable_that_chooses_one_names_its_feature_too,
}

/// A feature, whether the build has it, and names and URLs of the engine that it brings.
const ENGINES: &[(&str, bool, &[&str])] = &[
    ("cookie", cfg!(feature = "cookie"), &["cookie", "Cookie"]),
    ("file", cfg!(feature = "file"), &["file", "YAML", "JSON", "file:x", "FILE:x"]),
    ("memcached", cfg!(feature = "memcached"), &["memcached", "Memcache", "memcached://h"]),
    ("mongodb", cfg!(feature = "mongodb"), &["MongoDB", "mongo", "mongodb://h", "mongodb+srv://h.example"]),
    ("mysql", cfg!(feature = "mysql"), &["mysql", "MariaDB", "mysql://h", "mariadb://h"]),
    ("object", cfg!(feature = "object"), &["object", "OpenDAL", "object:memory"]),
    (
        "postgres",
        cfg!(feature = "postgres"),
        &["postgres", "Pg", "postgresql", "postgres://h", "postgresql://h"],
    ),
    (
        "redis",
        cfg!(feature = "redis"),
        &["Redis", "valkey", "redis://h", "valkey://h", "redis+cluster://h", "unix:/s"],
    ),
    ("sqlite", cfg!(feature = "sqlite"), &["sqlite", "SQLite3", "sqlite:x"]),
];

/// They need a key, or a feature of the driver.
const UNFINISHED: &[&str] = &["cookie", "Cookie", "mongodb+srv://h.example"];

async fn an_engine_is_in_the_build_or_named_with_its_feature() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    for (feature, is_there, names) in ENGINES {
        for name in *names {
            // What a section of it would hold is not known without it.
            let text = format!("session: '{name}'\nengines: {{ session: {{ {feature}: {{}} }} }}\n");
            std::fs::write(&file, text).unwrap();
            match Loader::new(&file).with_variables([("A", "b")]).load(&engines()) {
                Ok(config) => {
                    assert!(is_there, "{name}");
                    // Those that are set up by it alone are made too.
                    match config.store() {
                        Ok(store) => assert_eq!(store.engine(), *feature, "{name}"),
                        Err(error) => assert!(UNFINISHED.contains(name), "{name}: {error}"),
                    }
                }
                Err(error) => {
                    assert!(!is_there, "{name}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Config);
                    let expected = format!(
                        "config.yml:1: session.engine: the engine `{feature}` is not in this build: build dancecard with the feature `{feature}`"
                    );
                    assert!(error.to_string().contains(&expected), "{name}: {error}");
                }
            }
        }
    }
    // By name only.
    std::fs::write(&file, "session: memory\nengines: { session: { redis: { prefix: x } } }\n").unwrap();
    assert!(Loader::new(&file).with_variables([("A", "b")]).load(&engines()).is_ok());
}

/// Names of Dancer's that lead to an engine by what else is said, and that engine's feature.
const INDIRECT: &[(&str, bool, &str)] = &[
    ("session: DBI\nsession_options: { dsn: 'dbi:Pg:dbname=app' }\n", cfg!(feature = "postgres"), "postgres"),
    ("session: DBI\nsession_options: { dsn: 'dbi:mysql:app' }\n", cfg!(feature = "mysql"), "mysql"),
    ("session: DBI\nsession_options: { dsn: 'dbi:SQLite:app.db' }\n", cfg!(feature = "sqlite"), "sqlite"),
    (
        "session: KiokuDB\nkiokudb_backend: Files\nkiokudb_backend_opts: { dir: x }\n",
        cfg!(feature = "file"),
        "file",
    ),
];

async fn what_stands_for_an_engine_names_its_feature_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    for (text, is_there, feature) in INDIRECT {
        std::fs::write(&file, text).unwrap();
        let loaded = Loader::new(&file).with_variables([("A", "b")]).load(&engines());
        match loaded.and_then(|config| config.store()) {
            Ok(store) => assert!(*is_there && store.engine() == *feature, "{text}"),
            Err(error) => {
                assert!(!is_there, "{text}{error}");
                assert!(
                    error.to_string().contains(&format!("build dancecard with the feature `{feature}`")),
                    "{error}"
                );
            }
        }
    }
}

async fn a_variable_that_chooses_one_names_its_feature_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yml");
    std::fs::write(&file, "charset: UTF-8\n").unwrap();
    for (feature, is_there, names) in ENGINES {
        let loaded = Loader::new(&file).with_variables([("DANCECARD_SESSION", names[0])]).load(&engines());
        assert_eq!(loaded.is_ok(), *is_there, "{feature}");
        if let Err(error) = loaded {
            let text = error.to_string();
            assert!(
                text.contains("DANCECARD_SESSION: ") && text.contains(&format!("feature `{feature}`")),
                "{text}"
            );
        }
    }
}
