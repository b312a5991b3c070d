//! The operations of an engine, by name.

/// An operation of [`Store`](crate::Store).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Store::load`](crate::Store::load)
    Load,
    /// [`Store::write`](crate::Store::write)
    Write,
    /// [`Store::delete`](crate::Store::delete)
    Delete,
    /// [`Store::replace`](crate::Store::replace)
    Replace,
    /// [`Store::touch`](crate::Store::touch)
    Touch,
    /// [`Store::list`](crate::Store::list)
    List,
    /// [`Store::purge_expired`](crate::Store::purge_expired)
    Purge,
    /// [`Store::health`](crate::Store::health)
    Health,
}

impl Operation {
    /// All of them, for a table or a set of counters. Each stands at the index that it is as a number.
    pub const ALL: [Self; 8] = [
        Self::Load,
        Self::Write,
        Self::Delete,
        Self::Replace,
        Self::Touch,
        Self::List,
        Self::Purge,
        Self::Health,
    ];

    /// Its name, as errors and metrics give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Touch => "touch",
            Self::List => "list",
            Self::Purge => "purge",
            Self::Health => "health",
        }
    }

    /// Whether it may change something, so that it is not known what a call came to that was cut short.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Load | Self::List | Self::Health)
    }
}
