//! The engines, each with the sample that chooses it.

use dancecard_servers::{
    Absent, mariadb, memcached, mongod, mongod_replica_set, mysql, postgres, redis, redis_cluster,
    redis_sentinel, s3, valkey,
};

use crate::case::{ALL, Abilities, Case, Server};

/// A key as anyone makes one, for tests only.
const KEY: &str = "T7GgwCLRZdlX1O2pmAWuk0l_rselYUc6iWbGVlRPEDA=";

pub(crate) const REDIS: &str = "DANCECARD_ENGINES__SESSION__REDIS__URL";
const MONGODB: &str = "DANCECARD_ENGINES__SESSION__MONGODB__URL";
pub(crate) const KEYS: &str = "DANCECARD_ENGINES__SESSION__COOKIE__KEYS";

/// Gone with its process.
const PASSING: Abilities = Abilities { stays: false, lasts: false, ..ALL };
/// Its server outlives the program, and may forget at any time.
const FORGETFUL: Abilities = Abilities { lists: false, lasts: false, ..ALL };
/// The browser keeps all.
const CARRIED: Abilities = Abilities { lists: false, merges: false, ends: false, ..ALL };

/// One for each sample.
pub(crate) const CASES: &[Case] = &[
    case("memory.yml", "memory", PASSING, nowhere, || Ok(Server::default())),
    case("sqlite.yml", "sqlite", ALL, nowhere, || Ok(Server::default())),
    case("file.yml", "file", ALL, nowhere, || Ok(Server::default())),
    // What Dancer has no key for.
    case("dancer.yml", "file", ALL, nowhere, || {
        Ok(Server::default().with("DANCECARD_SESSION__DEVICE_FACTS", "true"))
    }),
    case("postgres.yml", "postgres", ALL, postgres::check, || {
        let server = postgres::start()?;
        Ok(Server::at("DANCECARD_ENGINES__SESSION__POSTGRES__URL", server.url(), server))
    }),
    case("mariadb.yml", "mysql", ALL, mariadb::check, || {
        let server = mariadb::start()?;
        Ok(Server::at("DANCECARD_ENGINES__SESSION__MARIADB__URL", server.url(), server))
    }),
    case("mysql.yml", "mysql", ALL, mysql::check, || {
        let server = mysql::start()?;
        Ok(Server::at("DANCECARD_ENGINES__SESSION__MYSQL__URL", server.url(), server))
    }),
    case("redis.yml", "redis", ALL, redis::check, || {
        let server = redis::start()?;
        Ok(Server::at(REDIS, server.url(), server))
    }),
    case("redis-sentinel.yml", "redis", ALL, redis_sentinel::check, || {
        let watched = redis_sentinel::start()?;
        Ok(Server::at(REDIS, watched.url(), watched))
    }),
    case("redis-cluster.yml", "redis", ALL, redis_cluster::check, || {
        let cluster = redis_cluster::start()?;
        Ok(Server::at(REDIS, cluster.url(), cluster))
    }),
    case("valkey.toml", "redis", ALL, valkey::check, || {
        let server = valkey::start()?;
        Ok(Server::at("DANCECARD_ENGINES__SESSION__VALKEY__URL", server.url(), server))
    }),
    case("memcached.yml", "memcached", FORGETFUL, memcached::check, || {
        let server = memcached::start()?;
        Ok(Server::at("DANCECARD_ENGINES__SESSION__MEMCACHED__URL", server.url(), server))
    }),
    case("mongodb.yml", "mongodb", ALL, mongod::check, || {
        let server = mongod::start()?;
        Ok(Server::at(MONGODB, server.url(), server))
    }),
    case("mongodb-replica-set.yml", "mongodb", ALL, mongod_replica_set::check, || {
        let set = mongod_replica_set::start()?;
        Ok(Server::at(MONGODB, set.url(), set))
    }),
    case("object-memory.yml", "object", PASSING, nowhere, || Ok(Server::default())),
    case("object-fs.yml", "object", Abilities { merges: false, ..ALL }, nowhere, || Ok(Server::default())),
    case("object-s3.yml", "object", ALL, s3::check, || {
        let server = s3::start()?;
        let server =
            Server::at("DANCECARD_ENGINES__SESSION__OBJECT__OPTIONS__ENDPOINT", server.url(), server);
        let server =
            server.with("DANCECARD_ENGINES__SESSION__OBJECT__OPTIONS__ACCESS_KEY_ID", s3::ACCESS_KEY);
        Ok(server.with("DANCECARD_ENGINES__SESSION__OBJECT__OPTIONS__SECRET_ACCESS_KEY", s3::SECRET_KEY))
    }),
    case("cookie.yml", "cookie", CARRIED, nowhere, || Ok(Server::default().with(KEYS, KEY))),
    case("cookie-and-sqlite.yml", "cookie", Abilities { merges: false, ..ALL }, nowhere, || {
        Ok(Server::default().with(KEYS, KEY))
    }),
];

const fn case(
    sample: &'static str,
    engine: &'static str,
    abilities: Abilities,
    check: fn() -> Result<(), Absent>,
    start: fn() -> Result<Server, Absent>,
) -> Case {
    Case { sample, engine, abilities, check, start }
}

/// Of engines without a server.
fn nowhere() -> Result<(), Absent> {
    Ok(())
}
