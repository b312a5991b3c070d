//! What an engine can't do, in words for whoever runs the shop and for its visitors.

use dancecard::{Capabilities, SessionManager, Store};

/// What the engine of the sessions can't do.
#[derive(Debug, Clone)]
pub struct Limits {
    engine: &'static str,
    abilities: Capabilities,
    is_client_side: bool,
}

impl Limits {
    pub(crate) fn of(sessions: &SessionManager) -> Self {
        Self {
            engine: sessions.store().engine(),
            abilities: sessions.capabilities(),
            is_client_side: sessions.is_client_side(),
        }
    }

    /// All of it, a sentence each.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        [self.no_list(), self.no_merge(), self.no_end(), self.no_stay()].into_iter().flatten()
    }

    /// Why there is no list of someone's devices, if so.
    pub(crate) fn no_list(&self) -> Option<String> {
        let lists = self.abilities.principal_index.is_supported();
        self.unless(lists, "can't list the sessions of one user: other devices can't be shown or signed out")
    }

    fn no_merge(&self) -> Option<String> {
        let merges = self.abilities.conditional_write.is_supported() && !self.is_client_side;
        self.unless(merges, "keeps the last of several changes at the same time: others may be lost")
    }

    fn no_end(&self) -> Option<String> {
        let ends = !self.abilities.client_keeps;
        self.unless(ends, "can't end a session: a copy of the cookie stays good until its time is up")
    }

    fn no_stay(&self) -> Option<String> {
        let stays = self.abilities.durable || self.abilities.client_keeps;
        self.unless(stays, "keeps sessions in memory only: they end when that goes")
    }

    fn unless(&self, can: bool, what: &str) -> Option<String> {
        (!can).then(|| format!("The engine {} {what}.", self.engine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dancecard::Support;

    fn limits(abilities: Capabilities, is_client_side: bool) -> Vec<String> {
        Limits { engine: "attic", abilities, is_client_side }.sentences().collect()
    }

    #[test]
    fn an_engine_that_can_do_everything_has_none() {
        let all = Capabilities::new().with_conditional_write(Support::Native).with_durable(true);
        let all = all.with_principal_index(Support::Emulated);
        assert_eq!(limits(all, false), [""; 0]);
        assert_eq!(limits(all, true).len(), 1);
    }

    #[test]
    fn each_names_the_engine() {
        for (abilities, expected) in
            [(Capabilities::new(), 3), (Capabilities::new().with_client_keeps(true), 3)]
        {
            let sentences = limits(abilities, false);
            assert_eq!(sentences.len(), expected);
            assert!(
                sentences.iter().all(|sentence| sentence.starts_with("The engine attic ")),
                "{sentences:?}"
            );
        }
    }
}
