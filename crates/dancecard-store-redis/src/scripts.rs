//! The scripts, and how they are called.

use std::sync::LazyLock;

use crate::wire::Command;

/// A script with the name under which servers keep it.
#[derive(Debug)]
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Gives the script to a server.
    pub(crate) fn load(&self) -> Command {
        Command::with_capacity("SCRIPT", 2, self.text.len() + 8).arg("LOAD").arg(self.text)
    }
}

/// Puts a script together. A server that is out of memory runs it only if its flags allow that.
macro_rules! script {
    ($flags:literal, $body:literal) => {
        Script::new(concat!($flags, "\n", include_str!("scripts/head.lua"), include_str!($body)))
    };
}

/// Needs memory.
pub(crate) static WRITE: LazyLock<Script> = LazyLock::new(|| script!("#!lua", "scripts/write.lua"));
/// Runs without, to make a record smaller.
pub(crate) static SHRINK: LazyLock<Script> =
    LazyLock::new(|| script!("#!lua flags=allow-oom", "scripts/write.lua"));
/// Needs memory.
pub(crate) static REPLACE: LazyLock<Script> = LazyLock::new(|| script!("#!lua", "scripts/replace.lua"));
/// Changes eight bytes in place.
pub(crate) static TOUCH: LazyLock<Script> =
    LazyLock::new(|| script!("#!lua flags=allow-oom", "scripts/touch.lua"));
/// Gives memory back.
pub(crate) static DELETE: LazyLock<Script> =
    LazyLock::new(|| script!("#!lua flags=allow-oom", "scripts/delete.lua"));
/// Needs memory.
pub(crate) static INDEX: LazyLock<Script> = LazyLock::new(|| script!("#!lua", "scripts/index.lua"));
/// Changes a number in place.
pub(crate) static REINDEX: LazyLock<Script> =
    LazyLock::new(|| script!("#!lua flags=allow-oom", "scripts/index.lua"));

/// An argument of a script.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Arg<'a> {
    Bytes(&'a [u8]),
    Number(i64),
}

impl Arg<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Number(_) => 20,
        }
    }
}

/// A number, or nothing.
impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Bytes(b""), Self::Number)
    }
}

/// A script with what it is called with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) script: &'static Script,
    pub(crate) keys: &'a [&'a [u8]],
    pub(crate) args: &'a [Arg<'a>],
}

impl<'a> Call<'a> {
    /// The same call of another script.
    pub(crate) fn of(self, script: &'static Script) -> Self {
        Self { script, ..self }
    }

    /// As a server runs it that has the script.
    pub(crate) fn by_hash(&self) -> Command {
        self.command("EVALSHA", &self.script.hash)
    }

    /// As a server runs it that doesn't. It has it from then on.
    pub(crate) fn by_text(&self) -> Command {
        self.command("EVAL", self.script.text)
    }

    fn command(&self, name: &str, script: &str) -> Command {
        let keys: usize = self.keys.iter().map(|key| key.len()).sum();
        let args: usize = self.args.iter().map(Arg::length).sum();
        let count = 2 + self.keys.len() + self.args.len();
        let command = Command::with_capacity(name, count, script.len() + keys + args + 4);
        let command = command.arg(script).number(self.keys.len() as i64);
        let command = self.keys.iter().fold(command, |command, key| command.arg(key));
        self.args.iter().fold(command, |command, arg| match arg {
            Arg::Bytes(bytes) => command.arg(bytes),
            Arg::Number(number) => command.number(*number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_stand_on_the_first_line() {
        for script in [&WRITE, &SHRINK, &REPLACE, &TOUCH, &DELETE, &INDEX, &REINDEX] {
            assert!(script.text.starts_with("#!lua"), "{}", script.text);
            assert_eq!(script.hash.len(), 40);
        }
        assert_ne!(WRITE.hash, SHRINK.hash);
    }
}
