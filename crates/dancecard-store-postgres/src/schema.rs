//! The table: its name, how it is made, and bringing it up to date.

use dancecard_core::ErrorKind;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::config::Config;
use crate::error::{Failure, Fate};
use crate::statements::INDEXED;

/// Of everybody who makes or changes a table of sessions in one database, one does it at a time: `dancecrd`.
const LOCK: i64 = i64::from_be_bytes(*b"dancecrd");

/// Each step takes the schema from the version that is its place in the list to the next one.
const STEPS: &[&str] = &[include_str!("schema.sql")];

/// What stands in the comment of the table, before the number of the version.
const MARK: &str = "dancecard sessions, schema ";

const STATE: &str = "SELECT to_regclass($1) IS NOT NULL, obj_description(to_regclass($1), 'pg_class')";

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
            .replace("{indexed}", INDEXED)
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
    let state = rows.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let state: Result<(bool, Option<String>), _> = state.unwrap_or(Ok((false, None)));
    let (exists, comment) = state.map_err(Failure::asking)?;
    if exists { version_in(comment.as_deref(), steps.len()) } else { Ok(0) }
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
