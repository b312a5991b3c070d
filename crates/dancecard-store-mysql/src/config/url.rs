//! The configuration as a URL.

use dancecard_core::{EngineUrl, Result, percent_decode};

use super::{Config, refuse};
use crate::error::ENGINE;

impl Config {
    /// Reads `mysql://USER:PASSWORD@HOST:PORT/DATABASE?setting=value&...`, the settings being the fields of this type.
    /// Whatever is left out has its default; `mariadb://` means the same.
    ///
    /// Reserved characters are written as `%` and two hexadecimal digits, as those of a socket's path
    /// (`mysql://%2Frun%2Fmysqld%2Fmysqld.sock/shop`). The names that other clients have for two settings are understood:
    /// `ssl-mode` (`disabled`, or `required` and above, all of which verify the certificate here) and `ssl-ca`.
    ///
    /// # Errors
    /// [`Config`](dancecard_core::ErrorKind::Config) for another scheme, an unknown setting or an unreadable value. The
    /// message names the setting.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        if !["mysql", "mariadb"].contains(&url.scheme()) {
            return Err(refuse("the URL must begin with `mysql://`"));
        }
        let mut config = Self::default();
        config.locate(url.location().strip_prefix("//").unwrap_or(url.location()))?;
        url.settings().try_for_each(|setting| config.set(&setting))?;
        Ok(config)
    }

    /// Takes in `USER:PASSWORD@HOST:PORT/DATABASE`.
    fn locate(&mut self, location: &str) -> Result<()> {
        let (authority, database) = location.split_once('/').unwrap_or((location, ""));
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').map_or((user, None), |(user, rest)| (user, Some(rest)));
        self.username = decoded(user, "user")?;
        self.password = password.map_or(Ok(None), |password| decoded(password, "password"))?;
        if let Some(database) = decoded(database, "database")? {
            self.database = database;
        }
        if let Some(host) = decoded(host, "host")? {
            self.host = host;
        }
        Ok(())
    }
}

/// A part of a URL. Nothing where there is nothing.
fn decoded(text: &str, part: &str) -> Result<Option<String>> {
    let text =
        percent_decode(text).ok_or_else(|| refuse(format!("the {part} in the URL is not readable")))?;
    Ok((!text.is_empty()).then_some(text))
}
