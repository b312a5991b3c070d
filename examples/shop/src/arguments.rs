//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

/// How the program is called.
pub const USAGE: &str = "usage: shop [--config FILE]";

/// What somebody asks for on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// To be told how the program is called.
    Help,
    /// To open the shop, with the sessions that a file describes, if there is one.
    Open(Option<PathBuf>),
}

impl Arguments {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    /// For words that mean nothing here; it says how the program is called.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self> {
        let (mut words, mut file) = (words.into_iter(), None);
        while let Some(word) = words.next() {
            let given = match word.to_str() {
                Some("-h" | "--help") => return Ok(Self::Help),
                Some("--config") => words.next(),
                Some(text) if text.starts_with("--config=") => {
                    text.strip_prefix("--config=").map(OsString::from)
                }
                _ => bail!("`{}` is no argument of the shop\n{USAGE}", word.display()),
            };
            let given = given.filter(|path| !path.is_empty());
            let given = given.with_context(|| format!("`--config` needs a file\n{USAGE}"))?;
            ensure!(file.is_none(), "`--config` is there twice\n{USAGE}");
            file = Some(PathBuf::from(given));
        }
        Ok(Self::Open(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments> {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn a_file_is_named_in_two_ways() {
        assert_eq!(parse(&[]).unwrap(), Arguments::Open(None));
        for words in [&["--config", "a b.yml"][..], &["--config=a b.yml"]] {
            assert_eq!(parse(words).unwrap(), Arguments::Open(Some("a b.yml".into())));
        }
        assert_eq!(parse(&["--config", "--config"]).unwrap(), Arguments::Open(Some("--config".into())));
        assert_eq!(parse(&["--config", "x", "-h"]).unwrap(), Arguments::Help);
    }

    #[test]
    fn all_else_is_refused_with_the_usage() {
        let refused: [(&[&str], &str); 6] = [
            (&["--cofnig", "x"], "`--cofnig` is no argument"),
            (&["x.yml"], "`x.yml` is no argument"),
            (&["--config"], "`--config` needs a file"),
            (&["--config="], "`--config` needs a file"),
            (&["--config", ""], "`--config` needs a file"),
            (&["--config", "a", "--config", "b"], "`--config` is there twice"),
        ];
        for (words, why) in refused {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.starts_with(why) && error.ends_with(USAGE), "{words:?}: {error}");
        }
    }
}
