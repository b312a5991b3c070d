//! Data source names, as Perl's DBI has them: which engine, and where.

use dancecard_config::{Entry, Given};
use dancecard_core::Result;

mod parts;

/// Dancer 1's keys in `session_options`, and those of Dancer 2's engine in its section.
pub(super) const KEYS: &[&str] = &["dsn", "user", "password", "table", "dbuser", "dbpass", "dbtable"];
/// The engines for its drivers.
pub(super) const ENGINES: &[&str] = &["sqlite", "postgres", "mysql"];

/// The engine that a `dsn` names, with its settings in `given`.
pub(super) fn engine(given: &mut Given) -> Result<&'static str> {
    given.flat_table("session_options")?.into_iter().try_for_each(|entry| unless_there(given, entry))?;
    rename_all(given, &[("dbuser", "user"), ("dbpass", "password"), ("dbtable", "table")])?;
    let missing = |given: &Given| given.chosen().refuse("needs `dsn`, such as `dbi:SQLite:sessions.db`");
    let dsn = given.take("dsn").ok_or_else(|| missing(given))?;
    by_driver(given, &dsn, &dsn.text()?)
}

fn unless_there(given: &mut Given, entry: Entry) -> Result<()> {
    if given.get(entry.name()).is_some() { Ok(()) } else { super::dancer::put(given, entry) }
}

fn rename_all(given: &mut Given, names: &[(&str, &str)]) -> Result<()> {
    names.iter().try_for_each(|(theirs, ours)| given.rename(theirs, ours))
}

fn by_driver(given: &mut Given, dsn: &Entry, text: &str) -> Result<&'static str> {
    let (driver, rest) =
        driver(text).ok_or_else(|| dsn.refuse("must look like `dbi:Pg:dbname=app;host=db`"))?;
    match driver.as_str() {
        "sqlite" => sqlite(given, dsn, rest),
        "pg" => server(given, dsn, parts::of_pg(rest)).map(|()| "postgres"),
        "mysql" | "mariadb" => server(given, dsn, parts::of_mysql(rest)).map(|()| "mysql"),
        _ => Err(dsn.refuse("has a driver without an engine; there are SQLite, Pg, mysql and MariaDB")),
    }
}

/// The driver in lower case, without its attributes, and what is behind it.
fn driver(dsn: &str) -> Option<(String, &str)> {
    let (scheme, rest) = dsn.split_once(':')?;
    let (driver, rest) = rest.split_once(':')?;
    let driver = driver.split('(').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("dbi").then(|| (driver.to_ascii_lowercase(), rest))
}

/// What has to be given there, and means nothing to a file, is left out.
fn sqlite(given: &mut Given, dsn: &Entry, rest: &str) -> Result<&'static str> {
    ["user", "password", "table"].iter().for_each(|key| drop(given.take(key)));
    let mut pairs = rest.split(';').filter_map(|part| part.split_once('='));
    let named = pairs.find(|(name, _)| ["dbname", "database", "db"].contains(name));
    let path = named.map_or(rest, |(_, path)| path);
    match path {
        "" | ":memory:" => Err(dsn.refuse("is a database in memory: choose the engine `memory`")),
        _ if named.is_none() && rest.contains('=') => {
            Err(dsn.refuse("names no file that is understood: write `dbi:SQLite:dbname=sessions.db`"))
        }
        _ => given.put_text("path", path, dsn).map(|()| "sqlite"),
    }
}

fn server(given: &mut Given, dsn: &Entry, parts: Result<Vec<(&'static str, String)>, &str>) -> Result<()> {
    given.rename("user", "username")?;
    let parts = parts.map_err(|sentence| dsn.refuse(sentence))?;
    parts.into_iter().try_for_each(|(key, value)| given.put_text(key, value, dsn))?;
    ["username", "password"].iter().try_for_each(|key| drop_if_empty(given, key))
}

fn drop_if_empty(given: &mut Given, key: &str) -> Result<()> {
    if given.get(key).map(Entry::text).transpose()?.is_some_and(|text| text.is_empty()) {
        given.take(key);
    }
    Ok(())
}
