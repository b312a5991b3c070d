//! MongoDB, as a replica set.

use std::io;

use crate::folder::Ground;
use crate::mongod::{self, Document, Options, call, wire};
use crate::patience::until;
use crate::{Absent, Running};

/// The name of the set.
pub const NAME: &str = "dancecard";
/// A primary that is silent for so many milliseconds is replaced.
const ELECTION: i32 = 1000;

/// Servers that replicate. Dropped, all are gone.
#[derive(Debug)]
pub struct ReplicaSet {
    members: Vec<Running>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    mongod::check()
}

/// A set of one, which is enough for transactions and change streams.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<ReplicaSet, Absent> {
    start_with(1)
}

/// A set of so many members. Three survive the loss of one.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(members: usize) -> Result<ReplicaSet, Absent> {
    start_on(&Ground::Temporary, members)
}

pub(crate) fn start_on(ground: &Ground, members: usize) -> Result<ReplicaSet, Absent> {
    let arguments = ["--replSet", NAME].map(str::to_owned).to_vec();
    let options = Options { arguments, ..Options::default() };
    let members = (0..members.max(1)).map(|_| mongod::start_on(ground, options.clone()));
    let set = ReplicaSet { members: members.collect::<Result<_, _>>()? };
    let formed = call(set.members[0].port(), set.initiation(), "admin");
    formed.map_err(|error| set.members[0].broken(&error.to_string()))?;
    set.settle()?;
    Ok(set)
}

impl ReplicaSet {
    /// All servers.
    pub fn members(&self) -> &[Running] {
        &self.members
    }

    /// The server that takes writes now, if one does.
    pub fn primary(&self) -> Option<&Running> {
        self.members.iter().find(|member| is(member, "isWritablePrimary").unwrap_or(false))
    }

    /// The URL with all servers: `mongodb://127.0.0.1:…,127.0.0.1:…/?replicaSet=dancecard`.
    pub fn url(&self) -> String {
        let members = self.members.iter().map(|member| member.address().to_string());
        format!("mongodb://{}/?replicaSet={NAME}", members.collect::<Vec<_>>().join(","))
    }

    /// Waits until there is a primary and every other member follows it.
    ///
    /// # Errors
    /// When that does not come to pass within one and a half minutes.
    pub fn settle(&self) -> Result<(), Absent> {
        let one = &self.members[0];
        let settled = until(|| {
            let secondaries = self.members.iter().filter(|member| is(member, "secondary").unwrap_or(false));
            let complete = self.primary().is_some() && secondaries.count() + 1 == self.members.len();
            complete
                .then_some(())
                .ok_or_else(|| io::Error::other("the replica set has not agreed on a primary"))
        });
        settled.map_err(|error| one.broken(&error.to_string()))
    }

    pub(crate) fn into_members(self) -> Vec<Running> {
        self.members
    }

    fn initiation(&self) -> Document {
        let mut members = Document::new();
        for (number, member) in self.members.iter().enumerate() {
            let host =
                Document::new().number("_id", number as i32).text("host", &member.address().to_string());
            members = members.document(&number.to_string(), host);
        }
        let settings =
            Document::new().number("electionTimeoutMillis", ELECTION).number("heartbeatIntervalMillis", 200);
        // Who wants a write to be on disk before it is acknowledged says so.
        let set = Document::new().text("_id", NAME).switch("writeConcernMajorityJournalDefault", false);
        let set = set.array("members", members).document("settings", settings);
        Document::new().document("replSetInitiate", set)
    }
}

fn is(member: &Running, what: &str) -> io::Result<bool> {
    let answer = call(member.port(), Document::new().number("hello", 1), "admin")?;
    Ok(wire::is_true(&answer, what))
}
