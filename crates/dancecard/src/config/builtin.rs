//! The engines of this repository, each under its names, its URLs, and the keys that Dancer's engine has.

use dancecard_config::Engines;
#[cfg(any(
    feature = "file",
    feature = "memcached",
    feature = "mongodb",
    feature = "mysql",
    feature = "object",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
use dancecard_core::SharedStore;

use super::{dancer, dsn};

/// Registers an engine if its feature is on, or says which one is needed.
macro_rules! engine {
    ($engines:ident, $feature:literal, $name:literal, $others:expr, $schemes:expr, $module:ident::$store:ident $(, $foreign:expr, $adapt:path)?) => {
        #[cfg(feature = $feature)]
        $engines
            .register($name, $others, |config: crate::$module::Config| {
                Ok(SharedStore::new(crate::$module::$store::connect(config)?))
            })
            .with_url($schemes, crate::$module::Config::from_url)
            $(.with_foreign($foreign, $adapt))?;
        #[cfg(not(feature = $feature))]
        $engines.missing($name, &[$others as &[&str], $schemes as &[&str]].concat(), $feature);
    };
}

pub(super) fn add(engines: &mut Engines) {
    local(engines);
    databases(engines);
    caches(engines);
    sealed(engines);
    names_for_others(engines);
}

fn local(engines: &mut Engines) {
    engine!(engines, "file", "file", &[], &["file"], file::FileStore, dancer::FILE, dancer::file);
    engine!(engines, "sqlite", "sqlite", &["sqlite3"], &["sqlite"], sqlite::SqliteStore);
    engine!(engines, "object", "object", &["opendal"], &["object"], object::ObjectStore);
}

fn databases(engines: &mut Engines) {
    engine!(engines, "postgres", "postgres", &["postgresql", "pg"], POSTGRES_URLS, postgres::PostgresStore);
    engine!(engines, "mysql", "mysql", &["mariadb"], &["mysql", "mariadb"], mysql::MysqlStore);
    engine!(
        engines,
        "mongodb",
        "mongodb",
        MONGO,
        MONGO_URLS,
        mongodb::MongodbStore,
        dancer::MONGODB,
        dancer::mongodb
    );
}

fn caches(engines: &mut Engines) {
    engine!(
        engines,
        "redis",
        "redis",
        &["valkey"],
        REDIS_URLS,
        redis::RedisStore,
        dancer::REDIS,
        dancer::redis
    );
    let urls = &["memcached"];
    engine!(
        engines,
        "memcached",
        "memcached",
        MEMCACHE,
        urls,
        memcached::MemcachedStore,
        dancer::MEMCACHED,
        dancer::memcached
    );
}

#[cfg(feature = "cookie")]
fn sealed(engines: &mut Engines) {
    super::sealed::add(engines);
}

#[cfg(not(feature = "cookie"))]
fn sealed(engines: &mut Engines) {
    engines.missing("cookie", &[], "cookie");
}

/// What Dancer calls engines that have another name here.
fn names_for_others(engines: &mut Engines) {
    engines.stand_for("yaml", &["file"], dancer::FILE, dancer::yaml);
    engines.stand_for("json", &["file"], dancer::FILE, dancer::json);
    engines.stand_for("dbi", dsn::ENGINES, dsn::KEYS, dsn::engine);
    engines.stand_for("kiokudb", dancer::KIOKUDB_ENGINES, dancer::KIOKUDB, dancer::kiokudb);
}

const MEMCACHE: &[&str] = &["memcache"];
const MONGO: &[&str] = &["mongo"];
const MONGO_URLS: &[&str] = &["mongodb", "mongodb+srv"];
const POSTGRES_URLS: &[&str] = &["postgres", "postgresql"];
const REDIS_URLS: &[&str] = &[
    "redis",
    "rediss",
    "redis+sentinel",
    "redis-sentinel",
    "rediss+sentinel",
    "rediss-sentinel",
    "redis+cluster",
    "redis-cluster",
    "rediss+cluster",
    "rediss-cluster",
    "redis+unix",
    "valkey",
    "valkeys",
    "valkey+unix",
    "unix",
];
