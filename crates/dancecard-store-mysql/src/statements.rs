//! What the engine says to the server: one statement for each operation.

use crate::schema::Table;

/// A prepared statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Query {
    Load,
    Page,
    PageOfPrincipal,
    Create,
    Update,
    Overwrite,
    Delete,
    Touch,
    Purge,
}

impl Query {
    pub(crate) const COUNT: usize = 9;

    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::Load,
        Self::Page,
        Self::PageOfPrincipal,
        Self::Create,
        Self::Update,
        Self::Overwrite,
        Self::Delete,
        Self::Touch,
        Self::Purge,
    ];

    /// The operation's name in errors.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Page | Self::PageOfPrincipal => "list",
            Self::Create | Self::Update | Self::Overwrite => "write",
            Self::Delete => "delete",
            Self::Touch => "touch",
            Self::Purge => "purge",
        }
    }

    /// Whether it changes nothing.
    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::Load | Self::Page | Self::PageOfPrincipal)
    }

    /// Whether it may be sent again when nobody knows whether it was done.
    ///
    /// What is deleted twice is deleted, what is touched twice is touched; the second purge takes what the first left.
    pub(crate) fn is_repeatable(self) -> bool {
        !matches!(self, Self::Create | Self::Update | Self::Overwrite)
    }

    fn template(self) -> &'static str {
        match self {
            Self::Load => LOAD,
            Self::Page => PAGE,
            Self::PageOfPrincipal => PAGE_OF_PRINCIPAL,
            Self::Create => CREATE,
            Self::Update => UPDATE,
            Self::Overwrite => OVERWRITE,
            Self::Delete => DELETE,
            Self::Touch => TOUCH,
            Self::Purge => PURGE,
        }
    }
}

/// The statements for one table.
#[derive(Debug)]
pub(crate) struct Statements {
    table: String,
    texts: [String; Query::COUNT],
}

impl Statements {
    pub(crate) fn new(table: &Table) -> Self {
        let fill = |query: Query| query.template().replace("{table}", table.quoted());
        Self { table: table.quoted().to_owned(), texts: Query::ALL.map(fill) }
    }

    pub(crate) fn text(&self, query: Query) -> &str {
        self.texts.get(query as usize).map_or("", String::as_str)
    }

    /// The name as it stands in statements.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }
}

const LOAD: &str = "SELECT version, expires_at, meta, payload FROM {table} WHERE `key` = ?";

const PAGE: &str =
    "SELECT version, expires_at, meta, `key` FROM {table} WHERE `key` >= ? ORDER BY `key` LIMIT ?";

const PAGE_OF_PRINCIPAL: &str = "\
    SELECT version, expires_at, meta, `key` FROM {table} WHERE principal = ? AND `key` >= ? \
    ORDER BY `key` LIMIT ?";

/// A record under the key is an error of its own, so that no other mistake is passed over.
const CREATE: &str = "\
    INSERT INTO {table} (version, expires_at, principal, meta, payload, `key`) VALUES (?, ?, ?, ?, ?, ?)";

const OVERWRITE: &str = "\
    REPLACE INTO {table} (version, expires_at, principal, meta, payload, `key`) VALUES (?, ?, ?, ?, ?, ?)";

const UPDATE: &str = "\
    UPDATE {table} SET version = ?, expires_at = ?, principal = ?, meta = ?, payload = ? \
    WHERE `key` = ? AND version = ?";

const DELETE: &str = "DELETE FROM {table} WHERE `key` = ?";

const TOUCH: &str = "UPDATE {table} SET expires_at = GREATEST(expires_at, ?) WHERE `key` = ?";

/// Takes some that expired, passing over those that somebody is changing, and removes them. That they expired is asked
/// twice, since the first answer may be older than the lock.
const PURGE: &str = "\
    DELETE old FROM ( \
        SELECT `key` FROM {table} WHERE expires_at <= ? ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED) AS due \
    STRAIGHT_JOIN {table} AS old ON old.`key` = due.`key` WHERE old.expires_at <= ?";
