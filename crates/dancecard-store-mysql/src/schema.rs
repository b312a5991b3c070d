//! The table: its name, how it is made, and bringing it up to date.

use dancecard_core::ErrorKind;
use mysql_async::Value;

use crate::config::Config;
use crate::error::{Failure, Fate};
use crate::link::Link;

/// Each step takes the schema from the version that is its place in the list to the next one. A step is one statement,
/// which also sets the mark, since none but that is atomic here.
const STEPS: &[&str] = &[include_str!("schema.sql")];

/// What stands in the comment of the table, before the number of the version.
const MARK: &str = "dancecard sessions, schema ";

/// Of everybody who makes or changes a table of sessions on one server, one does it at a time.
const LOCK: &str = "DO GET_LOCK('dancecard', 60)";
const UNLOCK: &str = "DO RELEASE_LOCK('dancecard')";

/// A table of sessions, by name.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    database: String,
    name: String,
    quoted: String,
}

impl Table {
    pub(crate) fn new(config: &Config) -> Self {
        let (database, name) = (config.database.clone(), config.table.clone());
        let quoted = format!("`{database}`.`{name}`");
        Self { database, name, quoted }
    }

    /// The name as it stands in statements.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }

    /// The statements that make the table as this release wants it.
    pub(crate) fn definition(&self) -> String {
        STEPS.iter().enumerate().map(|(version, step)| self.fill(step, version + 1) + ";\n").collect()
    }

    fn fill(&self, step: &str, version: usize) -> String {
        step.replace("{table}", &self.quoted).replace("{mark}", &format!("{MARK}{version}"))
    }

    fn state(&self) -> String {
        let Self { database, name, .. } = self;
        format!(
            "SELECT table_comment FROM information_schema.tables \
             WHERE table_schema = '{database}' AND table_name = '{name}'"
        )
    }
}

/// Makes the table if there is none, and brings it up to date.
///
/// # Errors
/// [`ErrorKind::Config`] for a table of another application or of a newer release, or where the user may not make it.
pub(crate) async fn prepare(link: &mut Link, config: &Config) -> Result<(), Failure> {
    bring_up_to(link, &Table::new(config), STEPS, config.create).await
}

async fn bring_up_to(link: &mut Link, table: &Table, steps: &[&str], create: bool) -> Result<(), Failure> {
    if inspect(link, table, steps).await? == steps.len() {
        return Ok(());
    }
    if !create {
        return Err(Failure::config(
            "the table is missing or older than this release, and create is off; \
             run what Config::schema_sql gives, or turn create on",
        ));
    }
    // Freed with the connection, if it comes to that.
    run(link, LOCK).await?;
    take_steps(link, table, steps).await?;
    run(link, UNLOCK).await
}

/// Behind the lock, since somebody else may have taken them meanwhile.
async fn take_steps(link: &mut Link, table: &Table, steps: &[&str]) -> Result<(), Failure> {
    let done = inspect(link, table, steps).await?;
    for (version, step) in steps.iter().enumerate().skip(done) {
        run(link, &table.fill(step, version + 1)).await?;
    }
    match inspect(link, table, steps).await? {
        done if done == steps.len() => Ok(()),
        _ => Err(Failure::new(ErrorKind::Unavailable, Fate::Refused, "the table vanished while it was made")),
    }
}

async fn run(link: &mut Link, statement: &str) -> Result<(), Failure> {
    link.run(statement).await.map_err(|error| Failure::asking(&error, Fate::Unsent))
}

/// How many steps the schema has behind it.
async fn inspect(link: &mut Link, table: &Table, steps: &[&str]) -> Result<usize, Failure> {
    match link.value(table.state()).await.map_err(|error| Failure::asking(&error, Fate::Unsent))? {
        None => Ok(0),
        Some(Value::Bytes(comment)) => version_in(&String::from_utf8_lossy(&comment), steps.len()),
        Some(_) => version_in("", steps.len()),
    }
}

fn version_in(comment: &str, newest: usize) -> Result<usize, Failure> {
    match comment.strip_prefix(MARK).and_then(|number| number.parse().ok()) {
        Some(version) if (1..=newest).contains(&version) => Ok(version),
        Some(version) if version > newest => Err(Failure::config(
            "the table has the schema of a newer release; run that release, or name another table",
        )),
        _ => Err(Failure::config(
            "the table is not one that this engine made: its comment does not say so; name another table",
        )),
    }
}

#[cfg(test)]
mod tests {
    use dancecard_servers::{mariadb, mysql};
    use mysql_async::prelude::Queryable;
    use mysql_async::{Conn, OptsBuilder};

    use super::*;

    const NEXT: &str = "ALTER TABLE {table} ADD COLUMN origin text, COMMENT = '{mark}'";
    const TWO: &[&str] = &[STEPS[0], NEXT];

    fn table() -> Table {
        Table::new(&Config::default())
    }

    async fn version(link: &mut Link, steps: &[&str]) -> usize {
        inspect(link, &table(), steps).await.unwrap()
    }

    async fn link(url: &str) -> Link {
        let options = OptsBuilder::from_opts(mysql_async::Opts::from_url(url).unwrap()).prefer_socket(false);
        Link::new(Conn::new(options).await.unwrap())
    }

    /// Runs a test on a server of each make without tables, if there is one. Where one is required there must be one.
    fn on_servers(test: impl AsyncFn(&str)) {
        for started in [mariadb::start(), mysql::start()] {
            let server = match started {
                Ok(server) => server,
                Err(absent) => {
                    let may_lack = !dancecard_testkit::require::is_required(absent.requirement());
                    assert!(!absent.is_broken() && may_lack, "{absent}");
                    println!("not run: {absent}");
                    continue;
                }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(test(&server.url()));
        }
    }

    #[test]
    fn steps_are_taken_once_each() {
        on_servers(async |url| {
            let (mut first, mut second) = (link(url).await, link(url).await);
            bring_up_to(&mut first, &table(), STEPS, true).await.unwrap();
            let row = "INSERT INTO dancecard_session VALUES ('k', 5, 0, NULL, '', '')";
            first.run(row).await.unwrap();
            let refused = bring_up_to(&mut first, &table(), TWO, false).await.unwrap_err();
            assert!(refused.is_for_good());
            assert_eq!(version(&mut first, TWO).await, 1);

            // One waits for the other, and finds nothing left to do: a second column of the name would be refused.
            let table = table();
            let (first_done, second_done) = tokio::join!(
                bring_up_to(&mut first, &table, TWO, true),
                bring_up_to(&mut second, &table, TWO, true),
            );
            assert!(first_done.is_ok() && second_done.is_ok(), "{first_done:?} {second_done:?}");
            assert_eq!(version(&mut first, TWO).await, 2);

            // A step that fails leaves those before it, and the table as the last of them made it.
            let failing = [STEPS[0], NEXT, "ALTER TABLE {table} DROP COLUMN missing, COMMENT = '{mark}'"];
            assert!(bring_up_to(&mut first, &table, &failing, true).await.is_err());
            assert_eq!(version(&mut second, TWO).await, 2);
            let mut client = Conn::from_url(format!("{url}?prefer_socket=false")).await.unwrap();
            let kept: Option<i64> =
                client.query_first("SELECT version FROM dancecard_session").await.unwrap();
            assert_eq!(kept, Some(5));

            let older = inspect(&mut first, &table, STEPS).await.unwrap_err();
            assert!(older.is_for_good());
        });
    }

    #[test]
    fn a_new_table_takes_all_steps() {
        on_servers(async |url| {
            let mut link = link(url).await;
            bring_up_to(&mut link, &table(), TWO, true).await.unwrap();
            assert_eq!(version(&mut link, TWO).await, 2);
        });
    }
}
