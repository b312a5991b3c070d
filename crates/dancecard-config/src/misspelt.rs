//! Variables whose names are nearly those of settings: somebody meant them, and nobody would read them.

use dancecard_core::Result;

use crate::fault::fault;
use crate::{cookie, dancer, settings, variables};

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
    known.map(|known| (slips(&name, &flat(&owned(&known))), known)).min()
}

fn owned(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// Without levels: one underscore for two is what is mistaken most.
fn flat(path: &[String]) -> String {
    path.join("_")
}

fn is_slip(name: &str, known: &str) -> bool {
    slips(name, known) <= allowed(name)
}

fn allowed(name: &str) -> usize {
    1 + name.chars().count() / CHARACTERS_PER_SLIP
}

/// How many characters were forgotten, added, mistaken, or exchanged with the next one.
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Names so unlike in length are not compared: what a variable is called can be long.
    if a.len().abs_diff(b.len()) > b.len() {
        return a.len().max(b.len());
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let best = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            let is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            row.push(if is_swap { best.min(rows[i - 2][j - 2] + 1) } else { best });
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
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

    #[test]
    fn slips_are_counted() {
        for (a, b, count) in [
            ("", "", 0),
            ("ab", "ba", 1),
            ("abc", "ac", 1),
            ("abc", "abxc", 1),
            ("abc", "axc", 1),
            ("x", "", 1),
        ] {
            assert_eq!((slips(a, b), slips(b, a)), (count, count), "{a} {b}");
        }
    }
}
