//! How the engine compares before it writes, by what the service is able to do.

use opendal::{Capability, Metadata};

use crate::version::Token;

/// How a write is made to depend on what it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditions {
    /// The service compares its mark of the content.
    Tags,
    /// The service compares its count of changes.
    Generations,
    /// Nobody else has the objects: this engine compares, under a lock of its own.
    Alone,
    /// Nobody compares: the last writer wins.
    Nobody {
        /// Whether the service refuses to create what is there.
        creates: bool,
    },
}

impl Conditions {
    /// What a service can do by itself.
    pub(crate) fn of(scheme: &str, can: &Capability) -> Self {
        let creates = can.write_with_if_not_exists;
        if can.write_with_if_version_match && can.delete_with_if_version_match && creates {
            Self::Generations
        } else if can.write_with_if_match && can.delete_with_if_match && creates {
            Self::Tags
        } else if scheme == "memory" {
            Self::Alone
        } else {
            Self::Nobody { creates }
        }
    }

    /// What the service tells an object by, if it compares that.
    pub(crate) fn token(self, about: &Metadata) -> Option<Token> {
        match self {
            Self::Tags => about.etag().map(|tag| Token::Tag(tag.to_owned())),
            Self::Generations => about.version().map(|number| Token::Generation(number.to_owned())),
            Self::Alone | Self::Nobody { .. } => None,
        }
    }

    /// Whether the service itself compares.
    pub(crate) fn is_remote(self) -> bool {
        matches!(self, Self::Tags | Self::Generations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_gets_what_it_can_do() {
        let able = |match_: bool, version: bool, creates: bool| {
            let mut can = Capability::default();
            (can.write_with_if_match, can.delete_with_if_match) = (match_, match_);
            (can.write_with_if_version_match, can.delete_with_if_version_match) = (version, version);
            can.write_with_if_not_exists = creates;
            can
        };
        assert_eq!(Conditions::of("s3", &able(true, false, true)), Conditions::Tags);
        assert_eq!(Conditions::of("gcs", &able(false, true, true)), Conditions::Generations);
        assert_eq!(Conditions::of("memory", &able(false, false, true)), Conditions::Alone);
        assert_eq!(Conditions::of("fs", &able(false, false, true)), Conditions::Nobody { creates: true });
        assert_eq!(
            Conditions::of("onedrive", &able(true, false, false)),
            Conditions::Nobody { creates: false }
        );
    }
}
