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
    /// Gives the script to a server.
    pub(crate) fn load(&self) -> Command {
        Command::with_capacity("SCRIPT", 2, self.text.len() + 8).arg("LOAD").arg(self.text)
    }
}

/// Puts a script together. A server that is out of memory runs it only if its flags allow that.
macro_rules! script {
    ($flags:literal, $must_not_grow:literal, $body:literal) => {
        LazyLock::new(|| {
            let text = concat!(
                $flags,
                "\nlocal MUST_NOT_GROW = ",
                $must_not_grow,
                "\n",
                include_str!("scripts/head.lua"),
                include_str!($body)
            );
            Script { text, hash: redis::Script::new(text).get_hash().to_owned() }
        })
    };
}

pub(crate) static WRITE: LazyLock<Script> = script!("#!lua", false, "scripts/write.lua");
/// Makes a record smaller, for which no memory is needed.
pub(crate) static SHRINK: LazyLock<Script> = script!("#!lua flags=allow-oom", true, "scripts/write.lua");
pub(crate) static REPLACE: LazyLock<Script> = script!("#!lua", false, "scripts/replace.lua");
/// Changes eight bytes in place.
pub(crate) static TOUCH: LazyLock<Script> = script!("#!lua flags=allow-oom", false, "scripts/touch.lua");
/// Gives memory back.
pub(crate) static DELETE: LazyLock<Script> = script!("#!lua flags=allow-oom", false, "scripts/delete.lua");
pub(crate) static INDEX: LazyLock<Script> = script!("#!lua", false, "scripts/index.lua");
/// Changes a number in place.
pub(crate) static REINDEX: LazyLock<Script> = script!("#!lua flags=allow-oom", true, "scripts/index.lua");

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

impl Call<'_> {
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
        let mut command = Command::with_capacity(name, count, script.len() + keys + args + 4);
        command.push(script.as_bytes());
        command.push_number(self.keys.len() as i64);
        self.keys.iter().for_each(|key| command.push(key));
        for arg in self.args {
            match arg {
                Arg::Bytes(bytes) => command.push(bytes),
                Arg::Number(number) => command.push_number(*number),
            }
        }
        command
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
