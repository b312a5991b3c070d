//! What the engine says to the server: one statement for each operation.

use tokio_postgres::types::Type;

use crate::schema::Table;

/// A statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    Load,
    Page,
    PageOfPrincipal,
    Create,
    Update,
    Overwrite,
    Replace,
    Delete,
    Touch,
    Purge,
}

/// Which connections a statement is sent on. One that waits for a lock or for the disk holds up those behind it, so
/// reading and writing have connections of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Reads,
    Writes,
}

impl Query {
    pub(crate) const ALL: [Self; 10] = [
        Self::Load,
        Self::Page,
        Self::PageOfPrincipal,
        Self::Create,
        Self::Update,
        Self::Overwrite,
        Self::Replace,
        Self::Delete,
        Self::Touch,
        Self::Purge,
    ];

    pub(crate) fn role(self) -> Role {
        match self {
            Self::Load | Self::Page | Self::PageOfPrincipal => Role::Reads,
            _ => Role::Writes,
        }
    }

    /// The operation's name in errors.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Page | Self::PageOfPrincipal => "list",
            Self::Create | Self::Update | Self::Overwrite => "write",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Touch => "touch",
            Self::Purge => "purge",
        }
    }

    /// Whether it may be sent again when nobody knows whether it was done.
    ///
    /// What is deleted twice is deleted, what is touched twice is touched; the second purge takes what the first left.
    pub(crate) fn is_repeatable(self) -> bool {
        !matches!(self, Self::Create | Self::Update | Self::Overwrite | Self::Replace)
    }

    /// The types of the parameters.
    pub(crate) fn types(self) -> &'static [Type] {
        const KEY: Type = Type::BYTEA;
        const BYTES: Type = Type::BYTEA;
        const NUMBER: Type = Type::INT8;
        match self {
            Self::Load | Self::Delete => &[KEY],
            Self::Page => &[KEY, NUMBER],
            Self::PageOfPrincipal => &[KEY, NUMBER, BYTES],
            Self::Create | Self::Overwrite => &[KEY, NUMBER, NUMBER, BYTES, BYTES, BYTES],
            Self::Update => &[KEY, NUMBER, NUMBER, BYTES, BYTES, BYTES, NUMBER],
            Self::Replace => {
                &[KEY, NUMBER, NUMBER, BYTES, BYTES, BYTES, NUMBER, KEY, NUMBER, NUMBER, BYTES, BYTES, BYTES]
            }
            Self::Touch => &[KEY, NUMBER],
            Self::Purge => &[NUMBER, NUMBER],
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Load => LOAD,
            Self::Page => PAGE,
            Self::PageOfPrincipal => PAGE_OF_PRINCIPAL,
            Self::Create => CREATE,
            Self::Update => UPDATE,
            Self::Overwrite => OVERWRITE,
            Self::Replace => REPLACE,
            Self::Delete => DELETE,
            Self::Touch => TOUCH,
            Self::Purge => PURGE,
        }
    }
}

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements([String; Query::ALL.len()]);

impl Statements {
    pub(crate) fn new(table: &Table) -> Self {
        Self(Query::ALL.map(|query| query.template().replace("{table}", table.quoted())))
    }

    pub(crate) fn text(&self, query: Query) -> &str {
        self.0.get(query as usize).map_or("", String::as_str)
    }
}

const LOAD: &str = "SELECT version, expires_at, meta, payload FROM {table} WHERE key = $1";

const PAGE: &str = "SELECT version, expires_at, meta, key FROM {table} WHERE key >= $1 ORDER BY key LIMIT $2";

const PAGE_OF_PRINCIPAL: &str = "\
    SELECT version, expires_at, meta, key FROM {table} \
    WHERE principal = $3 AND key >= $1 \
    ORDER BY key LIMIT $2";

const CREATE: &str = "\
    INSERT INTO {table} (key, version, expires_at, purge_at, principal, meta, payload) \
    VALUES ($1, $2, $3, $3, $4, $5, $6) \
    ON CONFLICT (key) DO NOTHING";

const OVERWRITE: &str = "\
    INSERT INTO {table} AS old (key, version, expires_at, purge_at, principal, meta, payload) \
    VALUES ($1, $2, $3, $3, $4, $5, $6) \
    ON CONFLICT (key) DO UPDATE SET version = excluded.version, expires_at = excluded.expires_at, \
        purge_at = least(old.purge_at, excluded.purge_at), principal = excluded.principal, \
        meta = excluded.meta, payload = excluded.payload";

const UPDATE: &str = "\
    UPDATE {table} SET version = $2, expires_at = $3, purge_at = least(purge_at, $3), principal = $4, \
        meta = $5, payload = $6 \
    WHERE key = $1 AND version = $7";

/// A record under the new key makes the whole statement fail, so that the old one is not retired either.
const REPLACE: &str = "\
    WITH retired AS ( \
        UPDATE {table} SET version = $2, expires_at = $3, purge_at = least(purge_at, $3), principal = $4, \
            meta = $5, payload = $6 \
        WHERE key = $1 AND version = $7 RETURNING 1) \
    INSERT INTO {table} (key, version, expires_at, purge_at, principal, meta, payload) \
    SELECT $8, $9, $10, $10, $11, $12, $13 FROM retired";

const DELETE: &str = "DELETE FROM {table} WHERE key = $1";

const TOUCH: &str = "UPDATE {table} SET expires_at = greatest(expires_at, $2) WHERE key = $1";

/// Looks at the records that are due, passing over those that somebody is changing. What has expired is removed; what
/// was touched since is looked at again when it expires.
const PURGE: &str = "\
    WITH due AS ( \
        SELECT key, expires_at FROM {table} WHERE purge_at <= $1 \
        ORDER BY purge_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
    gone AS ( \
        DELETE FROM {table} AS t USING due \
        WHERE t.key = due.key AND due.expires_at <= $1 RETURNING 1), \
    kept AS ( \
        UPDATE {table} AS t SET purge_at = t.expires_at FROM due \
        WHERE t.key = due.key AND due.expires_at > $1 RETURNING 1) \
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM kept)";
