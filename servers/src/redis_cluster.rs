//! Redis Cluster: three masters, each with a replica.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::folder::Ground;
use crate::patience::{has, until};
use crate::port::Port;
use crate::redis::{Make, Options, Redis, call};
use crate::{Absent, Running};

/// The hash slots of the masters.
const SLOTS: [RangeInclusive<u16>; 3] = [0..=5460, 5461..=10922, 10923..=16383];

/// A cluster of six servers. Dropped, all are gone.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Running>,
    /// Of each node, for the others to reach it.
    buses: Vec<u16>,
}

/// Whether the program is there.
///
/// # Errors
/// When it is missing.
pub fn check() -> Result<(), Absent> {
    crate::redis::check()
}

/// A cluster that keeps nothing. A master that is gone for a second is replaced.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start() -> Result<Cluster, Absent> {
    start_with(Options::default())
}

/// A cluster whose servers have these options. Passwords and TLS are not for clusters here.
///
/// # Errors
/// When there is none: see [`Absent`].
pub fn start_with(options: Options) -> Result<Cluster, Absent> {
    start_on(&Ground::Temporary, options)
}

pub(crate) fn start_on(ground: &Ground, options: Options) -> Result<Cluster, Absent> {
    let mut cluster = Cluster { members: Vec::new(), buses: Vec::new() };
    for _ in 0..2 * SLOTS.len() {
        let broken = |error: io::Error| Absent::broken("redis", error.to_string());
        let bus = Port::free().map_err(broken)?;
        cluster.buses.push(bus.number());
        let software = Redis { make: Make::Redis, options: options.clone(), bus: Some(bus) };
        cluster.members.push(Running::start(ground, Arc::new(software))?);
    }
    cluster.form().map_err(|error| cluster.members[0].broken(&error.to_string()))?;
    Ok(cluster)
}

impl Cluster {
    /// All servers. At first, the masters come first, and each has the replica three places behind it.
    pub fn members(&self) -> &[Running] {
        &self.members
    }

    /// The URL with all servers: `redis-cluster://127.0.0.1:…,127.0.0.1:…`.
    pub fn url(&self) -> String {
        let members = self.members.iter().map(|member| member.address().to_string());
        format!("redis-cluster://{}", members.collect::<Vec<_>>().join(","))
    }

    /// The servers that are masters now. One that is down is none.
    pub fn masters(&self) -> Vec<&Running> {
        let is_master =
            |member: &&Running| call(member.port(), &["ROLE"]).is_ok_and(|role| role.starts_with("master"));
        self.members.iter().filter(is_master).collect()
    }

    /// Waits until all slots are served and every replica follows its master, as after a failover and a restart.
    ///
    /// # Errors
    /// When that does not come to pass within one and a half minutes.
    pub fn settle(&self) -> Result<(), Absent> {
        self.settled().map_err(|error| self.members[0].broken(&error.to_string()))
    }

    /// Its servers, of which some can go before the others.
    pub fn into_members(self) -> Vec<Running> {
        self.members
    }

    fn form(&self) -> io::Result<()> {
        for (number, member) in self.members.iter().enumerate() {
            // Different from the start, so that they need not agree on who is who.
            call(member.port(), &["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            let (port, bus) = (member.port().to_string(), self.buses[number].to_string());
            call(self.members[0].port(), &["CLUSTER", "MEET", "127.0.0.1", &port, &bus])?;
        }
        for (slots, master) in SLOTS.iter().zip(&self.members) {
            let (first, last) = (slots.start().to_string(), slots.end().to_string());
            call(master.port(), &["CLUSTER", "ADDSLOTSRANGE", &first, &last])?;
        }
        for (master, replica) in self.members.iter().zip(&self.members[SLOTS.len()..]) {
            let id = call(master.port(), &["CLUSTER", "MYID"])?;
            // Refused until it has heard of that master.
            until(|| call(replica.port(), &["CLUSTER", "REPLICATE", &id]))?;
        }
        self.settled()
    }

    fn settled(&self) -> io::Result<()> {
        self.members.iter().try_for_each(|member| {
            until(|| {
                let info = call(member.port(), &["CLUSTER", "INFO"])?;
                has(&info, "cluster_state:ok")?;
                has(&info, &format!("cluster_known_nodes:{}", self.members.len()))?;
                let info = call(member.port(), &["INFO", "replication"])?;
                has(&info, "role:master").or_else(|_| has(&info, "master_link_status:up"))
            })
        })
    }
}
