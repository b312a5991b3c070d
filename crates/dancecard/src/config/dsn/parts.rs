//! What stands behind the driver, as its own driver reads it.

/// Keys of ours, with what they are to be.
type Parts = Result<Vec<(&'static str, String)>, &'static str>;

const UNKNOWN: &str = "has a part without a counterpart: set the engine's own keys instead";
const IN_PASSWORD: &str =
    "has a part without a name behind a password, where a colon would divide it: use `password` by itself";
const UNSURE: &str =
    "has an `sslmode` that does not say for sure: write `disable`, `require` or `verify-full`";
const SECONDS: &str = "has a time to connect that is no number of seconds";

/// Pairs with semicolons between; a name alone is that of the database.
pub(super) fn of_pg(text: &str) -> Parts {
    let parts = text.split(';').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| pg(part.split_once('=').unwrap_or(("database", part)))).collect()
}

fn pg((name, value): (&str, &str)) -> Result<(&'static str, String), &'static str> {
    let (name, value) = (name.trim(), value.trim());
    let ours = match name {
        "sslmode" => return Ok(("tls", is_tls(value)?.to_string())),
        "connect_timeout" => return Ok(("connect_timeout_ms", milliseconds(value)?)),
        "hostaddr" => "host",
        "sslrootcert" => "tls_ca",
        "sslcert" => "tls_certificate",
        "sslkey" => "tls_key",
        _ => common(name).ok_or(UNKNOWN)?,
    };
    Ok((ours, value.to_owned()))
}

fn is_tls(mode: &str) -> Result<bool, &'static str> {
    match mode {
        "disable" => Ok(false),
        "require" | "verify-ca" | "verify-full" => Ok(true),
        _ => Err(UNSURE),
    }
}

/// Parts with colons or semicolons between. Those without a name are the database, the host and the port, in this order, as far as
/// they were not named before.
pub(super) fn of_mysql(text: &str) -> Parts {
    let mut parts: Vec<(&'static str, String)> = Vec::new();
    let mut unnamed = ["database", "host", "port"].into_iter();
    let mut sockets = Vec::new();
    for part in split(text) {
        let Some((name, value)) = part.split_once('=') else {
            // It may be the rest of it, and a host is no secret.
            if parts.iter().any(|(name, _)| *name == "password") {
                return Err(IN_PASSWORD);
            }
            let next = unnamed.find(|name| !parts.iter().any(|(other, _)| other == name)).ok_or(UNKNOWN)?;
            parts.push((next, plain(part)));
            continue;
        };
        match mysql(name.trim(), value.trim())? {
            Some(("socket", path)) => sockets.push(("host", path)),
            ours => parts.extend(ours),
        }
    }
    // The server on this machine is meant, and the socket is how it is reached.
    if !sockets.is_empty() {
        parts.retain(|(name, value)| *name != "host" || value != "localhost");
    }
    parts.extend(sockets);
    parts.retain(|(_, value)| !value.is_empty());
    Ok(parts)
}

fn mysql(name: &str, value: &str) -> Result<Option<(&'static str, String)>, &'static str> {
    let option = name.strip_prefix("mysql_").or_else(|| name.strip_prefix("mariadb_")).unwrap_or_default();
    let ours = match option {
        "socket" => "socket",
        "ssl" => "tls",
        "ssl_ca_file" => "tls_ca",
        "ssl_client_cert" => "tls_certificate",
        "ssl_client_key" => "tls_key",
        "connect_timeout" => return Ok(Some(("connect_timeout_ms", milliseconds(value)?))),
        // About Perl's texts, and about what our engine does by itself.
        "enable_utf8" | "enable_utf8mb4" | "auto_reconnect" | "server_prepare" => return Ok(None),
        _ => common(name).ok_or(UNKNOWN)?,
    };
    Ok(Some((ours, plain(value))))
}

fn common(name: &str) -> Option<&'static str> {
    Some(match name {
        "dbname" | "database" | "db" => "database",
        "host" | "hostname" => "host",
        "port" => "port",
        "user" => "username",
        "password" => "password",
        _ => return None,
    })
}

fn milliseconds(seconds: &str) -> Result<String, &'static str> {
    let seconds: u32 = seconds.parse().map_err(|_| SECONDS)?;
    Ok((u64::from(seconds) * 1000).to_string())
}

/// At colons and semicolons, but for those of an address in brackets.
fn split(text: &str) -> Vec<&str> {
    let mut is_address = false;
    let parts = text.split(|c: char| {
        is_address = (is_address || c == '[') && c != ']';
        !is_address && (c == ':' || c == ';')
    });
    parts.map(str::trim).collect()
}

/// An address without its brackets.
fn plain(text: &str) -> String {
    text.trim_matches(['[', ']']).to_owned()
}
