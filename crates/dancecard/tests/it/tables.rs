//! Tables in documents that are rendered from code. `UPDATE_SPEC=1 cargo test -p dancecard --all-features` writes them.

use std::fmt::Write as _;
use std::path::PathBuf;

use dancecard::sqlite::{Config, SqliteStore};
use dancecard::{Capabilities, Facts, Intent, MemoryStore, Plan, Presence, Store, Support, plan};

fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares the first table after `mark` with `table`, or puts it there.
fn check(path: &str, mark: &str, table: &str) {
    let text = std::fs::read_to_string(file(path)).unwrap();
    let after = text.find(mark).unwrap_or_else(|| panic!("{path} has no `{mark}`")) + mark.len();
    let start = after + text[after..].find('\n').unwrap() + 1;
    let is_table = |line: &&str| line.is_empty() || line.starts_with('|');
    let present: String =
        text[start..].split_inclusive('\n').take_while(|l| is_table(&l.trim_end())).collect();
    let wanted = format!("\n{table}\n");
    if std::env::var_os("UPDATE_SPEC").is_some() {
        let rest = &text[start + present.len()..];
        std::fs::write(file(path), format!("{}{wanted}{rest}", &text[..start])).unwrap();
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

#[test]
fn the_readme_states_what_the_engines_can_do() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::connect(Config::new(folder.path().join("sessions.db"))).unwrap();
    let memory = MemoryStore::new();
    let engines = [(memory.engine(), memory.capabilities()), (sqlite.engine(), sqlite.capabilities())];
    type Line = (&'static str, fn(&Capabilities) -> String);
    let lines: [Line; 9] = [
        ("conditional write: no update is lost", |c| support(c.conditional_write)),
        ("new id in one step", |c| support(c.replace)),
        ("expiry moved without rewriting", |c| support(c.touch)),
        ("all sessions listed", |c| support(c.list)),
        ("sessions of one principal listed and ended", |c| support(c.principal_index)),
        ("expires by itself", |c| yes(c.native_expiry)),
        ("survives the process", |c| yes(c.durable)),
        ("seen by other processes", |c| yes(c.shared)),
        ("largest session", |c| c.max_payload.map_or("memory".into(), |most| format!("{} MiB", most >> 20))),
    ];
    let mut table = format!("| | {} | {} |\n|---|---|---|\n", engines[0].0, engines[1].0);
    for (name, value) in lines {
        writeln!(table, "| {name} | {} | {} |", value(&engines[0].1), value(&engines[1].1)).unwrap();
    }
    check("README.md", "<!-- engines", table.trim_end());
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

#[test]
fn the_decision_table_is_rendered_from_the_code() {
    use Presence::{Absent, Gone, NoToken, Present, Unknown, Unloaded};
    let intents = [Intent::Keep, Intent::Cycle, Intent::SignIn, Intent::Destroy];
    let mut table = "| presence | Keep | Cycle | SignIn | Destroy |\n|---|---|---|---|---|".to_owned();
    for presence in [NoToken, Unloaded, Absent, Gone, Unknown, Present] {
        write!(table, "\n| {presence:?} |").unwrap();
        intents.iter().for_each(|intent| write!(table, " {} |", cell(presence, *intent)).unwrap());
    }
    check("docs/spec/states.md", "<!-- plan", &table);
}
