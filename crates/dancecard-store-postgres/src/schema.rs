//! The table: its name, how it is made, and bringing it up to date.

use dancecard_core::ErrorKind;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::config::Config;
use crate::error::{Failure, Fate};

/// Of everybody who makes or changes a table of sessions in one database, one does it at a time: `dancecrd`.
const LOCK: i64 = i64::from_be_bytes(*b"dancecrd");

/// Each step takes the schema from the version that is its place in the list to the next one.
const STEPS: &[&str] = &[include_str!("schema.sql")];

/// What stands in the comment of the table, before the number of the version.
const MARK: &str = "dancecard sessions, schema ";

/// Table and comment from one snapshot: a name alone would be found as soon as it is there, its comment later.
const STATE: &str =
    "SELECT obj_description(oid, 'pg_class') FROM pg_catalog.pg_class WHERE oid = to_regclass($1)";

/// A table of sessions, by name.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    name: String,
    quoted: String,
    is_unlogged: bool,
}

impl Table {
    pub(crate) fn new(config: &Config) -> Self {
        let schema = config.schema.as_ref().map(|schema| format!("\"{schema}\"."));
        let quoted = format!("{}\"{}\"", schema.unwrap_or_default(), config.table);
        Self { name: config.table.clone(), quoted, is_unlogged: config.unlogged }
    }

    /// The name as it stands in statements.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }

    /// The statements that make the table as this release wants it.
    pub(crate) fn definition(&self) -> String {
        let steps: String = STEPS.iter().map(|step| self.fill(step)).collect();
        steps + &self.mark(STEPS.len())
    }

    fn fill(&self, step: &str) -> String {
        step.replace("{table}", &self.quoted)
            .replace("{name}", &self.name)
            .replace("{unlogged}", if self.is_unlogged { "UNLOGGED " } else { "" })
    }

    fn mark(&self, version: usize) -> String {
        format!("COMMENT ON TABLE {} IS '{MARK}{version}';\n", self.quoted)
    }

    /// The steps that are missing, in one transaction. Each looks, behind the lock, whether it is its turn: somebody
    /// else may have taken it meanwhile.
    fn missing_steps(&self, done: usize, steps: &[&str]) -> String {
        let mut text = format!("SELECT pg_advisory_xact_lock({LOCK});\n");
        for (version, step) in steps.iter().enumerate().skip(done) {
            let (table, step, mark) = (&self.quoted, self.fill(step), self.mark(version + 1));
            let turn = match version {
                0 => format!("to_regclass('{table}') IS NULL"),
                _ => format!("obj_description(to_regclass('{table}'), 'pg_class') = '{MARK}{version}'"),
            };
            text += &format!("DO $step$ BEGIN IF {turn} THEN\n{step}{mark}END IF; END $step$;\n");
        }
        text
    }
}

/// Makes the table if there is none, and brings it up to date.
///
/// # Errors
/// [`ErrorKind::Config`] for a table of another application or of a newer release, or where the user may not make it.
pub(crate) async fn prepare(client: &Client, config: &Config) -> Result<(), Failure> {
    bring_up_to(client, &Table::new(config), STEPS, config.create).await
}

async fn bring_up_to(client: &Client, table: &Table, steps: &[&str], create: bool) -> Result<(), Failure> {
    let done = inspect(client, table, steps).await?;
    if done == steps.len() {
        return Ok(());
    }
    if !create {
        return Err(Failure::config(
            "the table is missing or older than this release, and create is off; \
             run what Config::schema_sql gives, or turn create on",
        ));
    }
    client.batch_execute(&table.missing_steps(done, steps)).await.map_err(Failure::asking)?;
    match inspect(client, table, steps).await? {
        done if done == steps.len() => Ok(()),
        _ => Err(Failure::new(ErrorKind::Unavailable, Fate::Refused, "the table vanished while it was made")),
    }
}

/// How many steps the schema has behind it.
async fn inspect(client: &Client, table: &Table, steps: &[&str]) -> Result<usize, Failure> {
    let asked = [(&table.quoted as _, Type::TEXT)];
    let rows = client.query_typed(STATE, &asked).await.map_err(Failure::asking)?;
    match rows.first() {
        Some(row) => version_in(row.try_get(0).map_err(Failure::asking)?, steps.len()),
        None => Ok(0),
    }
}

fn version_in(comment: Option<&str>, newest: usize) -> Result<usize, Failure> {
    let number = comment.and_then(|comment| comment.strip_prefix(MARK));
    match number.and_then(|number| number.parse().ok()) {
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
    use tokio_postgres::NoTls;

    use super::*;

    const NEXT: &str = "ALTER TABLE {table} ADD COLUMN origin text DEFAULT 'before';\n";
    const TWO: &[&str] = &[STEPS[0], NEXT];

    fn table() -> Table {
        Table::new(&Config::default())
    }

    async fn version(client: &Client, steps: &[&str]) -> usize {
        inspect(client, &table(), steps).await.unwrap()
    }

    async fn origins(client: &Client) -> Vec<String> {
        let rows = client.query("SELECT origin FROM dancecard_session", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Runs a test on a server without tables, if there is a server. Where one is required there must be one.
    fn on_a_server(test: impl AsyncFn(&Client)) {
        let server = match dancecard_servers::postgres::start() {
            Ok(server) => server,
            Err(absent) => {
                assert!(
                    !absent.is_broken() && !dancecard_testkit::require::is_required("postgres"),
                    "{absent}"
                );
                return println!("not run: {absent}");
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
            tokio::spawn(connection);
            test(&client).await;
        });
    }

    #[test]
    fn steps_are_taken_once_each_and_together_or_not_at_all() {
        on_a_server(async |client| {
            bring_up_to(client, &table(), STEPS, true).await.unwrap();
            let row = "INSERT INTO dancecard_session VALUES ('k', 5, 0, 0, NULL, '', '')";
            client.batch_execute(row).await.unwrap();

            let failing = [STEPS[0], NEXT, "DROP TABLE {table}_missing;\n"];
            assert!(bring_up_to(client, &table(), &failing, true).await.is_err());
            assert_eq!(version(client, TWO).await, 1, "as it was");

            assert!(bring_up_to(client, &table(), TWO, false).await.unwrap_err().is_for_good());
            bring_up_to(client, &table(), TWO, true).await.unwrap();
            assert_eq!((version(client, TWO).await, origins(client).await), (2, vec!["before".to_owned()]));

            // Somebody who saw it before it was changed comes late, and changes nothing.
            for done in 0..2 {
                client.batch_execute(&table().missing_steps(done, TWO)).await.unwrap();
            }
            client.batch_execute(&table().missing_steps(0, STEPS)).await.unwrap();
            assert_eq!((version(client, TWO).await, origins(client).await.len()), (2, 1));

            let older = inspect(client, &table(), STEPS).await.unwrap_err();
            assert!(older.is_for_good());
        });
    }

    #[test]
    fn a_new_table_takes_all_steps_at_once() {
        on_a_server(async |client| {
            bring_up_to(client, &table(), TWO, true).await.unwrap();
            assert_eq!((version(client, TWO).await, origins(client).await.len()), (2, 0));
        });
    }
}
