//! Principals of several managers on one engine, kept apart.

use std::sync::Arc;

use super::SessionManager;
use crate::record::{Meta, Principal};

/// Between the namespace and the name: the unit separator, which every engine can store, and hardly any name holds.
const SEPARATOR: char = '\u{1f}';

/// A namespace without the separator, which would make one namespace look like the beginning of another.
pub(super) fn namespace(name: &str) -> Arc<str> {
    name.replace(SEPARATOR, "\u{fffd}").into()
}

impl SessionManager {
    /// The principal as engines know it. Without a namespace it is the name itself, unless that could be taken for one of
    /// a namespace.
    pub(crate) fn scoped(&self, who: Principal) -> Principal {
        let namespace = &*self.0.namespace;
        if namespace.is_empty() && !who.as_str().contains(SEPARATOR) {
            return who;
        }
        Principal::new(format!("{namespace}{SEPARATOR}{}", who.as_str()))
    }

    /// The principal as the application knows it. One of another namespace is left as engines know it.
    pub(crate) fn unscoped(&self, who: &Principal) -> Principal {
        match who.as_str().split_once(SEPARATOR) {
            Some((namespace, name)) if namespace == &*self.0.namespace => Principal::new(name),
            _ => who.clone(),
        }
    }

    pub(crate) fn unscoped_meta(&self, meta: Meta) -> Meta {
        match meta.principal().filter(|who| who.as_str().contains(SEPARATOR)) {
            Some(who) => {
                let who = self.unscoped(who);
                meta.with_principal(Some(who))
            }
            None => meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    fn manager(namespace: &str) -> SessionManager {
        SessionManager::new(MemoryStore::new()).with_namespace(namespace)
    }

    #[test]
    fn every_name_comes_back_and_no_two_are_taken_for_each_other() {
        let names = ["", "ada", "admin\u{1f}ada", "\u{1f}ada", "\u{1f}\u{1f}"];
        let mut seen = std::collections::BTreeSet::new();
        for namespace in ["", "admin", "shop"] {
            let manager = manager(namespace);
            for name in names {
                let scoped = manager.scoped(name.into());
                assert_eq!(manager.unscoped(&scoped), name.into(), "{namespace:?} {name:?}");
                assert!(seen.insert(scoped.as_str().to_owned()), "{namespace:?} {name:?}");
            }
        }
    }

    #[test]
    fn a_plain_name_without_a_namespace_is_stored_as_it_is() {
        assert_eq!(manager("").scoped("ada".into()).as_str(), "ada");
    }

    /// The separator in a namespace would make "a" + "b\u{1f}c" the same as "a\u{1f}b" + "c".
    #[test]
    fn a_namespace_holds_no_separator() {
        let odd = manager("a\u{1f}b").scoped("c".into());
        assert_ne!(odd, manager("a").scoped("b\u{1f}c".into()));
    }
}
