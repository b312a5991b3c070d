//! Variables and keys whose names are nearly those of settings: somebody meant them, and nobody would read them.

use dancecard_core::{Result, slips};

use crate::entry::Entry;
use crate::fault::fault;
use crate::merged::Merged;
use crate::node::join;
use crate::{cookie, dancer, settings, variables};

const PATH: &str = "is one name with dots, and no setting: write a table in a table";
const SECTIONS: [&str; 2] = ["session", "engines"];
/// What an application is likely to have of its own (`VERSION` for one) is two slips away from a name as short as
/// `session`; so is what `nearest` would suggest for it.
const CHARACTERS_PER_SLIP: usize = 8;

/// Refuses a variable, `rest` behind the prefix, whose name begins like a setting's or is nearly one, and is none. It is the
/// application's own if a file has that key, or if no setting is called anything like it.
///
/// # Errors
/// With the name that was probably meant.
pub(crate) fn check(prefix: &str, rest: &str, is_in_file: impl Fn(&[String]) -> bool) -> Result<()> {
    let Some(path) = variables::path(rest) else { return Ok(()) };
    let Some(meant) = meant(&path).filter(|_| !is_in_file(&path)) else { return Ok(()) };
    let meant = meant.join(variables::LEVELS).to_ascii_uppercase();
    Err(fault(format!(
        "{prefix}{rest}: there is no such setting; did you mean `{prefix}{meant}`? A key of the application's own that is \
         called like one of a session's has to be in the file too"
    )))
}

/// Refuses keys of the files that are one slip away from one of ours, or differ from it in case and separators only: at the top,
/// where everything else is the application's, and beside the section of engines. Two slips are another word.
///
/// # Errors
/// With the key that was probably meant.
pub(crate) fn check_keys(merged: &Merged) -> Result<()> {
    let top: Vec<String> = SECTIONS.map(str::to_owned).into_iter().chain(dancer::flat()).collect();
    let mut entries = merged.within("").into_iter().filter(|entry| !is_a_word(merged, entry));
    entries.try_for_each(|entry| {
        let name = entry.path.clone();
        is_no_path(&entry, &name).and_then(|()| nearly(&entry, &name, &top))
    })?;
    let in_engines = ["session".to_owned()];
    merged.within("engines").iter().try_for_each(|entry| {
        is_no_path(entry, key_in("engines", entry)).and_then(|()| nearly(entry, entry.name(), &in_engines))
    })?;
    no_paths(merged, "session", 2)?;
    no_paths(merged, "engines.session", 1)
}

/// The name of a key in its table, dots and all.
fn key_in<'a>(table: &str, entry: &'a Entry) -> &'a str {
    let name = entry.path.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
    name.unwrap_or(&entry.path)
}

/// Refuses names with dots in a table of ours, so many levels down. What is below those of an engine is free.
fn no_paths(merged: &Merged, table: &str, levels: usize) -> Result<()> {
    let within = merged.within(table);
    are_names(table, &within)?;
    let mut deeper = within.iter().filter(|_| levels > 0);
    deeper.try_for_each(|entry| no_paths(merged, entry.path(), levels - 1))
}

/// Refuses names with dots among the entries of a table, where the last part would be taken for the name.
pub(crate) fn are_names(table: &str, entries: &[Entry]) -> Result<()> {
    match entries.iter().find(|entry| key_in(table, entry).contains('.')) {
        Some(entry) => Err(entry.refuse(PATH)),
        None => Ok(()),
    }
}

/// A dot in a name does not go one level down.
fn is_no_path(entry: &Entry, name: &str) -> Result<()> {
    match name.split_once('.').filter(|(top, _)| SECTIONS.contains(top)) {
        Some(_) => Err(entry.refuse(PATH)),
        None => Ok(()),
    }
}

fn nearly(entry: &Entry, name: &str, known: &[String]) -> Result<()> {
    let meant = known.iter().find(|known| is_nearly(name, known));
    match meant.filter(|_| !known.iter().any(|known| known == name)) {
        Some(meant) => Err(entry.refuse(&format!(
            "there is no such key; did you mean `{meant}`? A key of the application's own needs a name that is less like it"
        ))),
        None => Ok(()),
    }
}

fn is_nearly(name: &str, known: &str) -> bool {
    let letters = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let is_near = name.len().abs_diff(known.len()) <= 4;
    is_near && (slips(name, known) == 1 || letters(name) == letters(known))
}

/// `sessions` and `engine` are words that an application is likely to use, unless there is in them what belongs into ours.
fn is_a_word(merged: &Merged, entry: &Entry) -> bool {
    let inner = |key: &str| merged.get(&join(&entry.path, key)).is_some();
    match entry.name() {
        "sessions" => !inner("engine"),
        "engine" => !inner("session"),
        _ => false,
    }
}

/// The path of the setting that a path nearly is.
fn meant(path: &[String]) -> Option<Vec<String>> {
    let (top, within) = path.split_first()?;
    if top == "engines" {
        let section = within.first().filter(|section| is_slip(section, "session"))?;
        return (section != "session").then(|| [&owned("engines.session"), &within[1..]].concat());
    }
    if SECTIONS.contains(&top.as_str()) || dancer::is_flat(top) {
        return None;
    }
    whole(path).or_else(|| first(top, within)).or_else(|| begun(top, path))
}

/// A setting whose name, without regard to levels, is nearly this one.
fn whole(path: &[String]) -> Option<Vec<String>> {
    let (slips, known) = closest(path)?;
    let name = flat(path);
    (slips <= allowed(&name)).then(|| owned(&known))
}

/// The same below a first level that is nearly one of ours.
fn first(top: &str, within: &[String]) -> Option<Vec<String>> {
    if is_slip(top, "environment") {
        return Some(owned("environment"));
    }
    let known = SECTIONS.into_iter().find(|known| is_slip(top, known))?;
    Some([&owned(known), within].concat())
}

/// What begins like a section: the setting that is nearest to it, however far that is.
fn begun(top: &str, path: &[String]) -> Option<Vec<String>> {
    let section = SECTIONS
        .into_iter()
        .find(|section| top.strip_prefix(*section).is_some_and(|r| r.starts_with('_')))?;
    match section {
        "engines" => Some(owned("engines.session.name.key")),
        _ => closest(path).map(|(_, known)| owned(&known)),
    }
}

fn closest(path: &[String]) -> Option<(usize, String)> {
    let name = flat(path);
    let known = settings::paths().chain(cookie::paths()).chain(dancer::flat());
    known.map(|known| (few(&name, &flat(&owned(&known))), known)).min()
}

/// Names so unlike in length are not compared: what a variable is called can be long.
fn few(name: &str, known: &str) -> usize {
    let lengths = (name.chars().count(), known.chars().count());
    match lengths.0.abs_diff(lengths.1) > lengths.1 {
        true => lengths.0.max(lengths.1),
        false => slips(name, known),
    }
}

fn owned(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// Without levels: one underscore for two is what is mistaken most.
fn flat(path: &[String]) -> String {
    path.join("_")
}

fn is_slip(name: &str, known: &str) -> bool {
    few(name, known) <= allowed(name)
}

fn allowed(name: &str) -> usize {
    1 + name.chars().count() / CHARACTERS_PER_SLIP
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant_by(rest: &str) -> Option<String> {
        meant(&variables::path(rest).unwrap()).map(|path| path.join("."))
    }

    #[test]
    fn what_is_nearly_a_setting_is_taken_for_it() {
        for (variable, setting) in [
            ("SESION__IDLE", "session.idle"),
            ("SESSION_IDLE", "session.idle"),
            ("SESSION_IDEL", "session.idle"),
            ("SESSION_COOKIE_NAME", "session.cookie.name"),
            ("SESSION_COOKIE__NAME", "session.cookie.name"),
            ("SESSION_NAM", "session_name"),
            ("SESSOIN", "session"),
            ("SESSIONS", "session"),
            ("SESSIONS__BANNER", "session.banner"),
            ("SESSION_ENGINE", "session.engine"),
            ("SESSION_NEAR_CACHE_MAX_BYTES", "session.near_cache.max_bytes"),
            ("SESSION_SAMESITE", "session_same_site"),
            ("SESSION_BANNER", "session.header"),
            ("ENGINE__SESSION__REDIS__PREFIX", "engines.session.redis.prefix"),
            ("ENGINES__SESION__REDIS__PREFIX", "engines.session.redis.prefix"),
            ("ENGINES_SESSION_REDIS_PREFIX", "engines.session.name.key"),
            ("MEMCACHED_SERVER", "memcached_servers"),
            ("ENVIROMENT", "environment"),
            ("ENVIRONMNET", "environment"),
            ("ENVIRONMENT__NAME", "environment"),
        ] {
            assert_eq!(meant_by(variable).as_deref(), Some(setting), "{variable}");
        }
    }

    #[test]
    fn a_key_is_nearly_another_after_one_slip() {
        for (name, known) in [
            ("sesion", "session"),
            ("Session", "session"),
            ("session-name", "session_name"),
            ("sessionName", "session_name"),
            ("memcached_server", "memcached_servers"),
            ("kiokudb_backed", "kiokudb_backend"),
        ] {
            assert!(is_nearly(name, known), "{name}");
        }
        for (name, known) in [
            ("session_id", "session_dir"),
            ("session_age", "session_name"),
            ("mission", "session"),
            ("version", "session"),
        ] {
            assert!(!is_nearly(name, known), "{name}");
        }
    }

    #[test]
    fn settings_and_what_is_like_none_are_left_alone() {
        for variable in [
            "SESSION",
            "SESSION__IDLE",
            // Found wanting by whoever reads the section, which knows all that can be in it.
            "SESSION__IDEL",
            "SESSION_NAME",
            "SESSION_OPTIONS__DSN",
            "ENGINES__SESSION__REDIS__PREFIX",
            "ENGINES__TEMPLATE__CACHE",
            "REDIS_SESSION__EXPIRE",
            "VERSION",
            "MISSION",
            "SECTION",
            "TEST_REQUIRE",
            "SHOP__SESION__IDLE",
            "PORT",
            "WHO",
        ] {
            assert_eq!(meant_by(variable), None, "{variable}");
        }
    }
}
