//! Tables in documents that are rendered from code. `UPDATE_SPEC=1 cargo test -p dancecard --all-features` writes them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dancecard::cookie::CookieStore;
use dancecard::file::{self, FileStore};
use dancecard::memcached::MemcachedStore;
use dancecard::mongodb::MongodbStore;
use dancecard::mysql::MysqlStore;
use dancecard::object::ObjectStore;
use dancecard::postgres::PostgresStore;
use dancecard::redis::RedisStore;
use dancecard::seal::{Key, KeyRing};
use dancecard::sqlite::{self, SqliteStore};
use dancecard::{Capabilities, Facts, Intent, MemoryStore, Plan, Presence, Store, Support, plan};

trials! {
    the_readme_states_what_the_engines_can_do,
    the_decision_table_is_rendered_from_the_code,
}

fn in_repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares the first table after `mark` with `table`, or puts it there.
fn check(path: &str, mark: &str, table: &str) {
    let text = std::fs::read_to_string(in_repository(path)).unwrap();
    let after = text.find(mark).unwrap_or_else(|| panic!("{path} has no `{mark}`")) + mark.len();
    let start = after + text[after..].find('\n').unwrap() + 1;
    let is_table = |line: &&str| line.is_empty() || line.starts_with('|');
    let present: String =
        text[start..].split_inclusive('\n').take_while(|l| is_table(&l.trim_end())).collect();
    let wanted = format!("\n{table}\n\n");
    if std::env::var_os("UPDATE_SPEC").is_some() {
        let rest = &text[start + present.len()..];
        std::fs::write(in_repository(path), format!("{}{wanted}{rest}", &text[..start])).unwrap();
    } else {
        assert_eq!(present, wanted, "{path} is out of date: run this test with UPDATE_SPEC=1");
    }
}

fn support(support: Support) -> String {
    match support {
        Support::None => "no".into(),
        Support::Emulated => "emulated".into(),
        _ => "yes".into(),
    }
}

fn yes(does: bool) -> String {
    if does { "yes".into() } else { "no".into() }
}

/// Each engine, set up as its name says. None of them is asked anything.
fn engines(folder: &Path) -> Vec<(&'static str, Capabilities)> {
    let sqlite = SqliteStore::connect(sqlite::Config::new(folder.join("sessions.db"))).unwrap();
    let files = FileStore::connect(file::Config::new(folder.join("sessions"))).unwrap();
    let mongodb = |url| MongodbStore::from_url(url).unwrap().capabilities();
    let redis = |url| RedisStore::from_url(url).unwrap().capabilities();
    let object = |url: &str| ObjectStore::from_url(&format!("object:{url}")).unwrap().capabilities();
    let files_of_objects = format!("fs?root={}&last_writer_wins=true", folder.join("objects").display());
    let keys = KeyRing::new([Key::random().unwrap()]).unwrap();
    let cookie = CookieStore::new(&keys, "shop");
    vec![
        ("memory", MemoryStore::new().capabilities()),
        ("sqlite", sqlite.capabilities()),
        ("file", files.capabilities()),
        ("postgres", PostgresStore::from_url("postgres://localhost/app").unwrap().capabilities()),
        ("mysql", MysqlStore::from_url("mysql://localhost/app").unwrap().capabilities()),
        ("redis", redis("redis://localhost")),
        ("redis, Cluster", redis("redis+cluster://localhost")),
        ("mongodb", mongodb("mongodb://localhost")),
        ("mongodb, replica set", mongodb("mongodb://a,b,c/?replicaSet=rs")),
        ("memcached", MemcachedStore::from_url("memcached://localhost").unwrap().capabilities()),
        ("object: s3", object("s3?bucket=shop&region=r")),
        ("object: where the last writer wins", object(&files_of_objects)),
        ("cookie, facts in sqlite", cookie.clone().with_registry(sqlite).capabilities()),
        ("cookie alone", cookie.capabilities()),
    ]
}

async fn the_readme_states_what_the_engines_can_do() {
    let folder = tempfile::tempdir().unwrap();
    type Column = (&'static str, fn(&Capabilities) -> String);
    let columns: [Column; 8] = [
        ("new id in one step", |c| support(c.replace)),
        ("expiry moved alone", |c| support(c.touch)),
        ("lists all", |c| support(c.list)),
        ("lists and ends one principal's", |c| support(c.principal_index)),
        ("expires by itself", |c| yes(c.native_expiry)),
        ("outlives the process", |c| yes(c.durable)),
        ("shared by processes", |c| yes(c.shared)),
        ("a sign-out holds", |c| yes(!c.client_keeps)),
    ];
    let mut table = String::from("| | no update is lost |");
    columns.iter().for_each(|(name, _)| write!(table, " {name} |").unwrap());
    write!(table, "\n|---|---|{}", "---|".repeat(columns.len())).unwrap();
    for (name, capabilities) in engines(folder.path()) {
        // Where the client carries the data, an engine beside it compares the facts alone.
        let carried = name.starts_with("cookie") && capabilities.conditional_write != Support::None;
        let keeps = if carried { "of its facts".into() } else { support(capabilities.conditional_write) };
        write!(table, "\n| {name} | {keeps} |").unwrap();
        columns.iter().for_each(|(_, value)| write!(table, " {} |", value(&capabilities)).unwrap());
    }
    check("README.md", "<!-- engines", &table);
}

/// Which plans there are for a presence and an intent, by the flags that matter.
fn cell(presence: Presence, intent: Intent) -> String {
    let all: Vec<Facts> = Facts::all().filter(|f| f.presence == presence && f.intent == intent).collect();
    type Flag = (&'static str, fn(&mut Facts) -> &mut bool);
    let flags: [Flag; 3] = [
        ("renewal due", |f| &mut f.renewal_due),
        ("dirty", |f| &mut f.dirty),
        ("touch due", |f| &mut f.touch_due),
    ];
    let matters = |flag: &Flag, among: &[Facts]| {
        among.iter().any(|facts| {
            let mut other = *facts;
            *flag.1(&mut other) ^= true;
            plan(other) != plan(*facts)
        })
    };
    let mut left = all;
    let mut parts = Vec::new();
    for flag in flags {
        if !matters(&flag, &left) {
            continue;
        }
        // The first flag that matters decides alone where it is set, or it would not be listed before the others.
        let (set, unset): (Vec<_>, Vec<_>) = left.iter().partition(|facts| *flag.1(&mut { **facts }));
        parts.push(format!("{}: {}", flag.0, only(&set)));
        left = unset;
    }
    let rest = only(&left);
    if parts.is_empty() { rest } else { format!("{}; else {rest}", parts.join("; ")) }
}

fn only(among: &[Facts]) -> String {
    let plans: Vec<Plan> = among.iter().map(|facts| plan(*facts)).collect();
    assert!(plans.windows(2).all(|pair| pair[0] == pair[1]), "not one plan: {among:?}");
    format!("**{:?}**", plans[0])
}

async fn the_decision_table_is_rendered_from_the_code() {
    use Presence::{Absent, Gone, NoToken, Present, Unknown, Unloaded};
    let intents = [Intent::Keep, Intent::Cycle, Intent::SignIn, Intent::Destroy];
    let mut table = "| presence | Keep | Cycle | SignIn | Destroy |\n|---|---|---|---|---|".to_owned();
    for presence in [NoToken, Unloaded, Absent, Gone, Unknown, Present] {
        write!(table, "\n| {presence:?} |").unwrap();
        intents.iter().for_each(|intent| write!(table, " {} |", cell(presence, *intent)).unwrap());
    }
    check("docs/spec/states.md", "<!-- plan", &table);
}
