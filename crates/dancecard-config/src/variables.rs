//! Settings in environment variables: `PREFIX_A__B` is the key `b` in the table `a`.

use config::ValueKind;
use dancecard_core::Result;

use crate::fault::fault;
use crate::node::{Kind, Node};
use crate::place::Place;

/// Between two levels of a variable's name.
pub(crate) const LEVELS: &str = "__";

/// Reads those that begin with the prefix. The text of a value stays as it is.
///
/// # Errors
/// For a name with an empty level, for one that stands for a value and a table at once, and for two that stand for the same.
pub(crate) fn read<'a>(prefix: &str, all: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Node> {
    let mut own: Vec<_> =
        all.filter_map(|(name, value)| Some((name, name.strip_prefix(prefix)?, value))).collect();
    // So that the shorter of two that quarrel comes first.
    own.sort_unstable();
    let mut root = Node::empty();
    for (name, rest, value) in own {
        let path = path(rest).ok_or_else(|| fault(format!("{name}: a level of its name is empty")))?;
        put(&mut root, name, &path, value)?;
    }
    Ok(root)
}

/// The keys. What chooses the engine stands in the table of sessions, so that other variables can be beside it.
pub(crate) fn path(rest: &str) -> Option<Vec<String>> {
    let mut path: Vec<String> = rest.split(LEVELS).map(str::to_ascii_lowercase).collect();
    if path == ["session"] {
        path.push("engine".to_owned());
    }
    path.iter().all(|key| !key.is_empty()).then_some(path)
}

fn put(node: &mut Node, variable: &str, path: &[String], value: &str) -> Result<()> {
    let quarrel = || fault(format!("{variable}: another variable makes a value of what has to hold keys"));
    let [key, rest @ ..] = path else { return Ok(()) };
    let place = Place::Variable(variable.to_owned());
    let entries = node.entries_mut().ok_or_else(quarrel)?;
    let there = entries.iter().find(|(name, _)| name == key).map(|(_, node)| node);
    if rest.is_empty() {
        if let Some(other) = there {
            return Err(twice(variable, other));
        }
        let kind = Kind::Scalar(ValueKind::String(value.to_owned()));
        entries.push((key.clone(), Node { place, kind }));
        return Ok(());
    }
    let index = entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
        entries.push((key.clone(), Node { place, kind: Kind::Table(Vec::new()) }));
        entries.len() - 1
    });
    put(&mut entries[index].1, variable, rest, value)
}

/// Nobody can tell which of the two was meant.
fn twice(variable: &str, other: &Node) -> dancecard_core::Error {
    let other = &other.place;
    fault(format!("{variable}: says what the variable {other} says, or is within; take one of them away"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(all: &[(&str, &str)]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        read("APP_", all.iter().copied())?
            .places("", &mut |path, place| found.push(format!("{path} from {place}")));
        Ok(found)
    }

    #[test]
    fn two_underscores_go_a_level_down() {
        let found = paths(&[
            ("APP_SESSION", "redis"),
            ("APP_SESSION__IDLE", "10m"),
            ("APP_ENGINES__SESSION__REDIS__PREFIX", "x"),
            ("APP_SESSION_NAME", "n"),
            ("OTHER_SESSION__IDLE", "1h"),
        ]);
        let found = found.unwrap();
        for line in [
            "session.engine from APP_SESSION",
            "session.idle from APP_SESSION__IDLE",
            "engines.session.redis.prefix from APP_ENGINES__SESSION__REDIS__PREFIX",
            "session_name from APP_SESSION_NAME",
        ] {
            assert!(found.contains(&line.to_owned()), "{line}: {found:?}");
        }
        assert!(!found.iter().any(|line| line.contains("OTHER")), "{found:?}");
    }

    #[test]
    fn names_that_say_nothing_clear_are_refused() {
        for all in [
            &[("APP_SESSION__", "secret")][..],
            &[("APP___IDLE", "secret")],
            &[("APP_A", "secret"), ("APP_A__B", "x")],
            &[("APP_A__B", "secret"), ("APP_a", "x")],
            &[("APP_A", "secret"), ("APP_a", "x")],
            &[("APP_SESSION", "secret"), ("APP_SESSION__ENGINE", "x")],
        ] {
            let error = paths(all).unwrap_err().to_string();
            assert!(error.contains("APP_") && !error.contains("secret"), "{error}");
        }
    }
}
