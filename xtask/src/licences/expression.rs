//! Licence expressions as manifests give them (SPDX 2.3, annex D), with the old slash for "or".

use std::iter::Peekable;
use std::vec::IntoIter;

type Words = Peekable<IntoIter<String>>;

/// Whether an expression can be satisfied with licences that are allowed. One that can't be read is not.
pub(crate) fn allows(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut words = words(expression);
    alternatives(&mut words, allowed) == Some(true) && words.peek().is_none()
}

fn words(expression: &str) -> Words {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    spaced.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter().peekable()
}

fn alternatives(words: &mut Words, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut any = obligations(words, allowed)?;
    while words.next_if_eq("OR").is_some() {
        any |= obligations(words, allowed)?;
    }
    Some(any)
}

fn obligations(words: &mut Words, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let mut all = licence(words, allowed)?;
    while words.next_if_eq("AND").is_some() {
        all &= licence(words, allowed)?;
    }
    Some(all)
}

fn licence(words: &mut Words, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let word = words.next()?;
    match word.as_str() {
        "(" => {
            let inner = alternatives(words, allowed);
            words.next_if_eq(")").and(inner)
        }
        ")" | "AND" | "OR" | "WITH" => None,
        id if words.next_if_eq("WITH").is_some() => {
            words.next().map(|with| allowed(&format!("{id} WITH {with}")))
        }
        id => Some(allowed(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> bool {
        allows(expression, &|id| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&id))
    }

    #[test]
    fn one_of_several_is_enough_where_there_is_a_choice() {
        assert!(check("MIT"));
        assert!(check("GPL-3.0-only OR MIT"));
        assert!(check("GPL-3.0/MIT"));
        assert!(check("Apache-2.0 WITH LLVM-exception OR GPL-3.0-only"));
        assert!(check("(MIT OR GPL-3.0-only) AND ISC"));
    }

    #[test]
    fn all_must_be_allowed_where_all_bind() {
        assert!(!check("GPL-3.0-only"));
        assert!(!check("MIT AND GPL-3.0-only"));
        assert!(!check("Apache-2.0"));
        assert!(!check("MIT WITH Classpath-exception-2.0"));
        assert!(!check("GPL-3.0-only AND (MIT OR ISC)"));
        assert!(check("GPL-3.0-only AND MIT OR ISC"), "AND binds closer than OR");
    }

    #[test]
    fn what_can_not_be_read_is_not_allowed() {
        for bad in ["", "MIT OR", "(MIT", "MIT)", "MIT ISC", "OR MIT", "MIT AND OR ISC", "MIT WITH"] {
            assert!(!check(bad), "{bad:?}");
        }
    }
}
