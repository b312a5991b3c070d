//! How the engine is set up: in code, from a configuration file, or from a URL.

use std::fmt;

use dancecard_core::{EngineUrl, ErrorKind, Result, Setting};
use dancecard_seal::{Key, KeyRing};
use serde::{Deserialize, Serialize};

use crate::error::{self, ENGINE};

const SETTINGS: &[&str] = &["keys", "application"];

/// How the engine is set up. Its `Debug` says how many keys there are, and no more.
///
/// ```
/// use dancecard_store_cookie::Config;
///
/// # let key = "T7GgwNFkX1d0aJm0cQ8bUeVt3yRz5nLhKpW2sX9oYfE=";
/// // let key = what `openssl rand -base64 32` said
/// let config = Config::new([key]).with_application("shop");
/// assert_eq!(config, Config::from_url(&format!("cookie:?application=shop&keys={key}"))?);
/// # Ok::<(), dancecard_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Secrets of 32 random bytes or more, in base64 or hexadecimal: the first seals, all open. There is no default. In a
    /// URL they are separated by commas.
    pub keys: Vec<String>,
    /// What the sessions belong to: one application does not open those of another, although it has the same keys.
    pub application: String,
}

impl Config {
    /// These keys.
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self { keys: keys.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Reads `cookie:?keys=KEY,KEY&application=NAME`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for another scheme, a location, an unknown setting or an unreadable value.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        if url.scheme() != "cookie" || !url.location().is_empty() {
            let remedy = "the URL must look like `cookie:?keys=...&application=...`";
            return Err(error::new(ErrorKind::Config, "configure").with_detail(remedy));
        }
        let mut config = Self::default();
        url.settings().try_for_each(|setting| config.set(&setting))?;
        Ok(config)
    }

    /// Changes one setting, the way a URL or a configuration map gives it. Its name is that of the field.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an unknown setting.
    pub fn set(&mut self, setting: &Setting<'_>) -> Result<()> {
        match setting.name() {
            "keys" => self.keys = setting.text().split(',').map(|key| key.trim().to_owned()).collect(),
            "application" => self.application = setting.text().to_owned(),
            _ => return Err(setting.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// Sets [`Config::application`].
    #[must_use]
    pub fn with_application(mut self, name: &str) -> Self {
        self.application = name.to_owned();
        self
    }

    /// The keys, read.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for no key, and for weak or unreadable ones.
    pub(crate) fn ring(&self) -> Result<KeyRing> {
        let keys = self.keys.iter().map(|key| Key::parse(key)).collect::<Result<Vec<_>>>();
        keys.and_then(KeyRing::new).map_err(|cause| {
            let why = cause.detail().unwrap_or("they can't be used");
            error::new(ErrorKind::Config, "configure").with_detail(format!("keys: {why}"))
        })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("keys", &self.keys.len())
            .field("application", &self.application)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_settings_are_refused_without_being_repeated() {
        let bad = [
            "cookie:?kees=secret",
            "cookies:?keys=secret",
            "cookie://host?keys=secret",
            "cookie:?keys=secret",
            "cookie:",
            "cookie:?keys=",
        ];
        for url in bad {
            let error = Config::from_url(url).and_then(|config| config.ring().map(drop)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{url}");
            assert_eq!(error.engine(), ENGINE, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn keys_are_not_shown() {
        assert_eq!(format!("{:?}", Config::new(["secret"])), "Config { keys: 1, application: \"\" }");
    }
}
