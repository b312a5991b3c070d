//! Every engine, each on its real server.

use std::any::Any;
use std::path::Path;

use dancecard_servers as servers;
use dancecard_servers::Absent;

use super::changing::NEW;

/// What keeps an engine where it is, and the URL or name that chooses it.
pub(super) type Opened = (Box<dyn Any>, String);

/// An engine, and whether its server can be had.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) check: fn() -> std::result::Result<(), Absent>,
    pub(super) open: fn(&Path) -> std::result::Result<Opened, Absent>,
}

fn local(url: String) -> std::result::Result<Opened, Absent> {
    Ok((Box::new(()), url))
}

/// A server, with settings that give a busy machine the time it needs.
fn remote(url: String, settings: &str, running: impl Any) -> std::result::Result<Opened, Absent> {
    Ok((Box::new(running), format!("{url}{settings}")))
}

const PATIENT: &str = "?timeout_ms=60000&connect_timeout_ms=60000";

pub(super) static ALL: [Case; 12] = [
    Case { name: "memory", check: || Ok(()), open: |_| local("memory".to_owned()) },
    Case {
        name: "sqlite",
        check: || Ok(()),
        open: |folder| local(format!("sqlite:{}/s.db", folder.display())),
    },
    Case {
        name: "file",
        check: || Ok(()),
        open: |folder| local(format!("file:{}/sessions", folder.display())),
    },
    Case {
        name: "cookie",
        check: || Ok(()),
        open: |_| local(format!("cookie:?keys={NEW}&application=shop")),
    },
    Case {
        name: "object-fs",
        check: || Ok(()),
        open: |folder| {
            local(format!("object:fs?root={}&last_writer_wins=true", folder.join("objects").display()))
        },
    },
    Case {
        name: "object-s3",
        check: servers::s3::check,
        open: |_| {
            use servers::s3::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};
            let server = servers::s3::start()?;
            let settings = format!(
                "object:s3?bucket={BUCKET}&region={REGION}&access_key_id={ACCESS_KEY}&secret_access_key={SECRET_KEY}\
                &disable_config_load=true&disable_ec2_metadata=true&timeout_ms=60000&endpoint="
            );
            remote(settings, &server.url(), server)
        },
    },
    Case {
        name: "redis",
        check: servers::redis::check,
        open: |_| servers::redis::start().and_then(|server| remote(server.url(), PATIENT, server)),
    },
    Case {
        name: "memcached",
        check: servers::memcached::check,
        open: |_| {
            servers::memcached::start().and_then(|server| remote(server.url(), "?timeout_ms=60000", server))
        },
    },
    Case {
        name: "postgres",
        check: servers::postgres::check,
        open: |_| servers::postgres::start().and_then(|server| remote(server.url(), PATIENT, server)),
    },
    Case {
        name: "mariadb",
        check: servers::mariadb::check,
        open: |_| servers::mariadb::start().and_then(|server| remote(server.url(), PATIENT, server)),
    },
    Case {
        name: "mysql",
        check: servers::mysql::check,
        open: |_| servers::mysql::start().and_then(|server| remote(server.url(), PATIENT, server)),
    },
    Case {
        name: "mongodb",
        check: servers::mongod::check,
        open: |_| {
            servers::mongod::start().and_then(|server| remote(server.url(), "/?timeout_ms=60000", server))
        },
    },
];
