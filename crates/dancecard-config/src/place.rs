//! Where a value comes from.

use std::fmt;

/// Where a value comes from.
///
/// ```
/// use dancecard_config::Place;
///
/// assert_eq!(Place::File { file: "config.yml".into(), line: 3 }.to_string(), "config.yml:3");
/// assert_eq!(Place::Default.to_string(), "default");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Place {
    /// A line of a file.
    File {
        /// The file as it was named.
        file: String,
        /// Counted from one.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// Nowhere: it is what holds when nothing is said.
    #[default]
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}
