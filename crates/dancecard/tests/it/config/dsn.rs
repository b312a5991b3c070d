//! Data source names of Perl's DBI, as its drivers read them.

use dancecard::Store as _;

use super::{fault, load, value};

trials! {
    each_part_of_a_data_source_name_is_understood,
    parts_without_a_counterpart_are_refused,
}

/// A name, the engine that it chooses, and some of what that is set to.
type Source = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SOURCES: &[Source] = &[
    // What is not named is the database, the host and the port.
    ("dbi:mysql:app:db:99", "mysql", &[("database", "app"), ("host", "db"), ("port", "99")]),
    ("dbi:MariaDB:app;db;99", "mysql", &[("database", "app"), ("host", "db"), ("port", "99")]),
    ("dbi:mysql:app", "mysql", &[("database", "app"), ("host", "localhost"), ("port", "3306")]),
    ("dbi:mysql:app:[::1]:99", "mysql", &[("database", "app"), ("host", "::1"), ("port", "99")]),
    ("dbi:mysql:app::99", "mysql", &[("database", "app"), ("host", "localhost"), ("port", "99")]),
    ("dbi:mysql:host=db;app:99", "mysql", &[("database", "app"), ("host", "db"), ("port", "99")]),
    (
        "DBI:mysql:database=app;hostname=db;port=99",
        "mysql",
        &[("database", "app"), ("host", "db"), ("port", "99")],
    ),
    (
        "dbi:mysql:dbname=app;mysql_socket=/run/m.sock",
        "mysql",
        &[("database", "app"), ("host", "/run/m.sock")],
    ),
    ("dbi:mysql:db=app;host=localhost;mysql_socket=/run/m.sock", "mysql", &[("host", "/run/m.sock")]),
    ("dbi:MariaDB:app;mariadb_socket=/run/m.sock", "mysql", &[("database", "app"), ("host", "/run/m.sock")]),
    (
        "dbi:mysql:app:db;mysql_ssl=1;mysql_ssl_ca_file=/ca.pem;mysql_ssl_client_cert=/c.pem;mysql_ssl_client_key=/k.pem",
        "mysql",
        &[("tls", "true"), ("tls_ca", "/ca.pem"), ("tls_certificate", "/c.pem"), ("tls_key", "/k.pem")],
    ),
    (
        "dbi:mysql:app;mysql_connect_timeout=3;mysql_enable_utf8mb4=1;mysql_auto_reconnect=1",
        "mysql",
        &[("connect_timeout_ms", "3000")],
    ),
    ("dbi:mysql:app;user=u;password=hidden", "mysql", &[("username", "u"), ("password", "***")]),
    ("dbi:Pg:dbname=app;host=db;port=99", "postgres", &[("database", "app"), ("host", "db"), ("port", "99")]),
    ("dbi:Pg:db=app;hostaddr=10.0.0.1", "postgres", &[("database", "app"), ("host", "10.0.0.1")]),
    (
        "dbi:Pg:database=app;host=/run/postgresql",
        "postgres",
        &[("database", "app"), ("host", "/run/postgresql")],
    ),
    ("dbi:Pg:app", "postgres", &[("database", "app")]),
    (
        "dbi:Pg:dbname=app;host=db;sslmode=verify-full;sslrootcert=/ca.pem;sslcert=/c.pem;sslkey=/k.pem;connect_timeout=4",
        "postgres",
        &[
            ("tls", "true"),
            ("tls_ca", "/ca.pem"),
            ("tls_certificate", "/c.pem"),
            ("tls_key", "/k.pem"),
            ("connect_timeout_ms", "4000"),
        ],
    ),
    ("dbi:Pg:dbname=app;host=db;sslmode=disable", "postgres", &[("tls", "false")]),
    (
        "dbi:Pg(AutoCommit=>1):dbname=app;user=u;password=hidden",
        "postgres",
        &[("username", "u"), ("password", "***")],
    ),
    ("dbi:SQLite:s.db", "sqlite", &[("path", "s.db")]),
    ("dbi:SQLite:dbname=a/s.db;sqlite_unicode=1", "sqlite", &[("path", "a/s.db")]),
    ("dbi:SQLite:database=s.db", "sqlite", &[("path", "s.db")]),
];

async fn each_part_of_a_data_source_name_is_understood() {
    for (dsn, engine, settings) in SOURCES {
        let text = format!("session: DBI\nsession_options: {{ dsn: '{dsn}' }}\n");
        let config = load(&text).unwrap_or_else(|error| panic!("{dsn}: {error}"));
        assert_eq!(value(&config, "session.engine"), *engine, "{dsn}");
        for (key, expected) in *settings {
            assert_eq!(value(&config, &format!("engines.session.{engine}.{key}")), *expected, "{dsn}: {key}");
        }
        assert!(!config.to_string().contains("hidden"), "{config}");
        // Certificates that are not there are found missing when they are needed.
        match config.store() {
            Ok(store) => assert_eq!(store.engine(), *engine, "{dsn}"),
            Err(error) => assert!(dsn.contains(".pem"), "{dsn}: {error}"),
        }
    }
}

async fn parts_without_a_counterpart_are_refused() {
    let cases = [
        ("dbi:Pg:service=hidden", "has a part without a counterpart: set the engine's own keys instead"),
        ("dbi:Pg:dbname=app;sslmode=prefer", "has an `sslmode` that does not say for sure"),
        ("dbi:Pg:dbname=app;connect_timeout=hidden", "has a time to connect that is no number"),
        ("dbi:mysql:database=app;password=a:hidden", "has a part without a name behind a password"),
        ("dbi:mysql:app;mysql_read_default_file=hidden", "has a part without a counterpart"),
        ("dbi:mysql:app:db:99:hidden", "has a part without a counterpart"),
        ("dbi:mysql:app;host=db;mysql_socket=/hidden", "says what `session_options.dsn` at"),
        ("dbi:SQLite::memory:", "is a database in memory: choose the engine `memory`"),
        ("dbi:SQLite:", "is a database in memory: choose the engine `memory`"),
        ("dbi:SQLite:uri=file:hidden?mode=ro", "names no file that is understood"),
        ("dbi:Oracle:hidden", "has a driver without an engine; there are SQLite, Pg, mysql and MariaDB"),
        ("dbi:hidden", "must look like `dbi:Pg:dbname=app;host=db`"),
    ];
    for (dsn, expected) in cases {
        let told = fault(&format!("session: DBI\nsession_options:\n  dsn: '{dsn}'\n"));
        assert!(told.starts_with(&format!("config.yml:3: session_options.dsn: {expected}")), "{dsn}: {told}");
        assert!(!told.contains("hidden"), "{told}");
    }
}
