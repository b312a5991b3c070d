//! Each server starts, answers, ends, comes again, and is gone with its owner.

use std::process::ExitCode;

use dancecard_servers::{
    Absent, Running, mariadb, memcached, mongod, mongod_replica_set, mysql, postgres, redis, redis_cluster,
    redis_sentinel, s3, valkey,
};
use libtest_mimic::{Arguments, Failed, Trial};

mod clients;
mod detached;
mod groups;
mod lives;
mod orphans;
mod proxy;
mod secrets;

type Check = fn() -> Result<(), Absent>;
type Case = fn() -> Result<(), Failed>;

/// The name of a test, what it needs, and what it does.
const CASES: &[(&str, Check, Case)] = &[
    ("redis::life", redis::check, || lives::life(durable(redis::start_with)?, clients::REDIS)),
    ("valkey::life", valkey::check, || lives::life(durable(valkey::start_with)?, clients::REDIS)),
    ("memcached::life", memcached::check, || lives::life(memcached::start()?, clients::MEMCACHED)),
    ("postgres::life", postgres::check, || lives::life(postgres::start()?, clients::POSTGRES)),
    ("mariadb::life", mariadb::check, || lives::life(mariadb::start()?, clients::MARIADB)),
    ("mysql::life", mysql::check, || lives::life(mysql::start()?, clients::MARIADB)),
    ("mongod::life", mongod::check, || lives::life(mongod::start()?, clients::MONGOD)),
    ("s3::life", s3::check, groups::s3),
    ("redis::secrets", redis::check, secrets::redis),
    ("postgres::secrets", postgres::check, secrets::postgres),
    ("mariadb::secrets", mariadb::check, secrets::mariadb),
    ("mongod::secrets", mongod::check, secrets::mongod),
    ("redis::limit", redis::check, lives::limit),
    ("redis::nonsense", redis::check, lives::nonsense),
    ("redis_cluster::failover", redis_cluster::check, groups::cluster),
    ("redis_sentinel::failover", redis_sentinel::check, groups::sentinel),
    ("mongod_replica_set::one", mongod_replica_set::check, groups::replica_set_of_one),
    ("mongod_replica_set::failover", mongod_replica_set::check, groups::replica_set),
    ("orphans::redis", redis::check, || orphans::none_stays("redis")),
    ("orphans::memcached", memcached::check, || orphans::none_stays("memcached")),
    ("orphans::postgres", postgres::check, || orphans::none_stays("postgres")),
    ("orphans::mariadb", mariadb::check, || orphans::none_stays("mariadb")),
    ("orphans::mongod", mongod::check, || orphans::none_stays("mongod")),
    ("orphans::s3", s3::check, || orphans::none_stays("s3")),
    ("services::up_and_down", redis::check, detached::up_and_down),
    ("services::groups", redis::check, detached::groups),
    ("services::each", redis::check, detached::each),
];

/// Anybody else does the same in the other tests.
const OF_ROOT: &[(&str, Check, Case)] = &[
    ("account::redis", redis::check, || lives::of_an_ordinary_user("redis::life")),
    ("account::postgres", postgres::check, || lives::of_an_ordinary_user("postgres::life")),
];

fn main() -> ExitCode {
    if let Some(server) = std::env::var_os(orphans::SERVER) {
        return orphans::start_and_wait(&server.to_string_lossy());
    }
    let cases = CASES.iter().map(|(name, check, case)| trial(name, *check, *case));
    let of_root = OF_ROOT.iter().filter(|_| rustix::process::geteuid().is_root());
    let of_root = of_root.map(|(name, check, case)| trial(name, *check, *case));
    let trials = cases.chain(of_root).chain(proxy::trials()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: &'static str, check: Check, case: Case) -> Trial {
    match check() {
        Ok(()) => Trial::test(name, case),
        Err(absent) => absent.trial(name),
    }
}

fn durable(start: fn(redis::Options) -> Result<Running, Absent>) -> Result<Running, Absent> {
    start(redis::Options { durable: true, ..redis::Options::default() })
}

/// A failure with these words, unless that is so.
fn ensure(is_so: bool, otherwise: impl Into<String>) -> Result<(), Failed> {
    if is_so { Ok(()) } else { Err(Failed::from(otherwise.into())) }
}
