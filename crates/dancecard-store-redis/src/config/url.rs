//! URLs of servers.

use dancecard_core::{EngineUrl, Result, percent_decode};

use super::{Config, Topology};
use crate::error::{ENGINE, refuse};

const FORMS: &str =
    "the URL must begin with `redis:`, `rediss:`, `unix:`, `redis-sentinel:` or `redis-cluster:`";

impl Config {
    /// Reads a URL. Settings, which are the fields of this type, may follow a question mark: `?prefix=shop%3A&timeout_ms=500`.
    ///
    /// | URL | |
    /// |---|---|
    /// | `redis://user:password@host:6379/0` | one server, and the number of the database |
    /// | `redis-sentinel://a:26379,b:26379,c:26379/service/0` | what the sentinels know as `service` |
    /// | `redis-cluster://a:6379,b:6379` | a cluster |
    /// | `unix:/run/redis/redis.sock` | one server, by its socket |
    ///
    /// Everything but the scheme may be left out. `rediss`, `rediss-sentinel` and `rediss-cluster` are over TLS. `valkey`
    /// may stand for `redis`. Users and passwords are percent-encoded; those of the sentinels themselves are settings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](dancecard_core::ErrorKind::Config) for another scheme, an unknown setting or an
    /// unreadable value. The message repeats no value.
    pub fn from_url(url: &str) -> Result<Self> {
        let url = EngineUrl::parse(ENGINE, url)?;
        let mut config = Self::default();
        let scheme = Scheme::read(url.scheme()).ok_or_else(|| refuse(FORMS))?;
        match scheme {
            Scheme::Socket => config.read_socket(url.location())?,
            Scheme::Network { topology, tls } => {
                (config.topology, config.tls) = (topology, tls);
                config.read_location(url.location())?;
            }
        }
        url.settings().try_for_each(|setting| config.set(&setting))?;
        Ok(config)
    }

    fn read_socket(&mut self, location: &str) -> Result<()> {
        let path = location.strip_prefix("//").unwrap_or(location);
        let (login, path) = path.split_once('@').map_or((None, path), |(login, path)| (Some(login), path));
        self.read_login(login)?;
        let path = readable(path, "path")?;
        if !path.starts_with('/') {
            return Err(refuse("the path of the socket must begin with a slash"));
        }
        self.nodes = vec![path];
        Ok(())
    }

    fn read_location(&mut self, location: &str) -> Result<()> {
        let rest = match location.strip_prefix("//") {
            Some(rest) => rest,
            None if location.is_empty() => "",
            None => return Err(refuse("two slashes must follow the scheme")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.rsplit_once('@').map_or((None, authority), |(l, h)| (Some(l), h));
        self.read_login(login)?;
        if !hosts.is_empty() {
            self.nodes = hosts.split(',').map(|host| readable(host, "host")).collect::<Result<_>>()?;
        }
        self.read_path(path)
    }

    fn read_login(&mut self, login: Option<&str>) -> Result<()> {
        let Some(login) = login else { return Ok(()) };
        let (username, password) = login.split_once(':').unwrap_or((login, ""));
        let read = |text: &str| {
            let read = readable(text, "login");
            if text.is_empty() { Ok(None) } else { read.map(Some) }
        };
        (self.username, self.password) = (read(username)?, read(password)?);
        Ok(())
    }

    /// The service, if sentinels are asked for one, and the number of the database.
    fn read_path(&mut self, path: &str) -> Result<()> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        if self.topology == Topology::Sentinel
            && let Some(service) = parts.next()
        {
            self.service = readable(service, "service")?;
        }
        if let Some(database) = parts.next() {
            self.database =
                database.parse().map_err(|_| refuse("the path must be the number of a database"))?;
        }
        match parts.next() {
            Some(_) => Err(refuse("the path has too many parts")),
            None => Ok(()),
        }
    }
}

enum Scheme {
    Socket,
    Network { topology: Topology, tls: bool },
}

impl Scheme {
    fn read(scheme: &str) -> Option<Self> {
        if matches!(scheme, "unix" | "redis+unix" | "valkey+unix") {
            return Some(Self::Socket);
        }
        let rest = scheme.strip_prefix("redis").or_else(|| scheme.strip_prefix("valkey"))?;
        let (rest, tls) = rest.strip_prefix('s').map_or((rest, false), |rest| (rest, true));
        let topology = match rest {
            "" => Topology::Standalone,
            "-sentinel" | "+sentinel" => Topology::Sentinel,
            "-cluster" | "+cluster" => Topology::Cluster,
            _ => return None,
        };
        Some(Self::Network { topology, tls })
    }
}

fn readable(text: &str, what: &str) -> Result<String> {
    percent_decode(text).ok_or_else(|| refuse(format!("the {what} in the URL is not percent-encoded UTF-8")))
}
