//! The servers of an engine, and how a command finds the one that it is for.

use std::sync::Arc;
use std::time::Duration;

use dancecard_core::Result;
use tokio::time::{Instant, sleep_until};

use crate::address::Address;
use crate::cluster::Cluster;
use crate::config::{Config, Topology};
use crate::dial::Dialer;
use crate::error::{Failure, Refusal, Trouble, refuse};
use crate::link::{Answer, Link, Target};
use crate::scripts::Call;
use crate::sentinel::Sentinels;
use crate::wire::{Command, Reply};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// One server at a time, or a cluster.
#[derive(Debug)]
pub(crate) enum Servers {
    One(Arc<Link>),
    Cluster(Cluster),
}

/// How hard to try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) until: Instant,
    /// Whether a command that may have arrived may be sent again.
    pub(crate) repeats: bool,
    /// How many replicas must have what it writes.
    pub(crate) replicas: u32,
}

impl Effort {
    /// Waits for the replicas, and leaves time for its reply.
    pub(crate) fn wait(&self) -> Command {
        let left = self.until.saturating_duration_since(Instant::now());
        let millis = i64::try_from((left * 3 / 4).as_millis()).unwrap_or(i64::MAX);
        Command::new("WAIT").number(self.replicas.into()).number(millis.max(1))
    }
}

/// The pauses between attempts, which become longer.
#[derive(Debug)]
pub(crate) struct Pauses {
    next: Duration,
    until: Instant,
}

impl Pauses {
    pub(crate) fn new(until: Instant) -> Self {
        Self { next: FIRST_PAUSE, until }
    }

    /// Waits for a moment. `false` at once if no time would be left after it.
    pub(crate) async fn pause(&mut self) -> bool {
        let end = Instant::now() + self.next;
        if end >= self.until {
            return false;
        }
        sleep_until(end).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}

impl Servers {
    /// # Errors
    /// `Config` for addresses that are none.
    pub(crate) fn new(dialer: Dialer) -> Result<Self> {
        let mut addresses = addresses(&dialer.config)?;
        let (topology, service) = (dialer.config.topology, dialer.config.service.clone());
        let dialer = Arc::new(dialer);
        let target = match topology {
            Topology::Cluster => return Ok(Self::Cluster(Cluster::new(addresses, dialer))),
            Topology::Sentinel => Target::Watched(Sentinels::new(addresses, service)),
            Topology::Standalone => {
                Target::Fixed(addresses.pop().ok_or_else(|| refuse("nodes must name a server"))?)
            }
        };
        Ok(Self::One(Arc::new(Link::new(target, dialer))))
    }

    /// Runs a command on the server that has the key.
    ///
    /// # Errors
    /// When no server gives a reply in time.
    pub(crate) async fn call(
        &self,
        key: &[u8],
        command: &Command,
        effort: Effort,
    ) -> Result<Answer, Failure> {
        match self {
            Self::One(link) => one(link, command, effort).await,
            Self::Cluster(cluster) => cluster.call(key, command, effort).await,
        }
    }

    /// Runs a script on the server that has its first key, and gives it to the server if it lacks it.
    ///
    /// # Errors
    /// Those of [`Servers::call`].
    pub(crate) async fn run(&self, call: &Call<'_>, effort: Effort) -> Result<Reply, Failure> {
        let key = call.keys.first().copied().unwrap_or_default();
        match self.call(key, &call.by_hash(), effort).await?.reply {
            // It did nothing, so nothing is done twice.
            Reply::Refused(Refusal::NoScript) => Ok(self.call(key, &call.by_text(), effort).await?.reply),
            reply => Ok(reply),
        }
    }
}

/// The place of each command in a batch, and the command.
type Numbered<'a> = Vec<(usize, &'a Command)>;

impl Servers {
    /// Runs commands that change nothing, or may be done twice, each on the server that has its key, and gives the
    /// replies in their order.
    ///
    /// # Errors
    /// Those of [`Servers::call`].
    pub(crate) async fn batch(
        &self,
        commands: &[(&[u8], Command)],
        effort: Effort,
    ) -> Result<Vec<Reply>, Failure> {
        let mut replies: Vec<Option<Reply>> = commands.iter().map(|_| None).collect();
        for (link, part) in self.parts(commands) {
            // What comes to nothing together is tried one by one.
            let sent = link.batch(part.iter().map(|(_, command)| *command), effort.until).await;
            for ((number, _), reply) in part.into_iter().zip(sent.unwrap_or_default()) {
                if let Some(place) = replies.get_mut(number) {
                    *place = Some(reply).filter(|reply| !is_passing(reply));
                }
            }
        }
        let mut all = Vec::with_capacity(replies.len());
        for (reply, (key, command)) in replies.into_iter().zip(commands) {
            all.push(match reply {
                Some(reply) => reply,
                None => self.call(key, command, effort).await?.reply,
            });
        }
        Ok(all)
    }

    /// The commands by the server that they are for, as far as it is known.
    fn parts<'a>(&self, commands: &'a [(&[u8], Command)]) -> Vec<(Arc<Link>, Numbered<'a>)> {
        let mut parts: Vec<(Arc<Link>, Numbered<'a>)> = Vec::new();
        for (number, (key, command)) in commands.iter().enumerate() {
            let link = match self {
                Self::One(link) => Some(link.clone()),
                Self::Cluster(cluster) => cluster.known_node(key).map(|node| node.link),
            };
            let Some(link) = link else { continue };
            match parts.iter_mut().find(|(other, _)| Arc::ptr_eq(other, &link)) {
                Some((_, part)) => part.push((number, command)),
                None => parts.push((link, vec![(number, command)])),
            }
        }
        parts
    }

    /// All servers that hold records.
    ///
    /// # Errors
    /// Those of [`Servers::call`].
    pub(crate) async fn nodes(&self, effort: Effort) -> Result<Vec<Arc<Link>>, Failure> {
        match self {
            Self::One(link) => Ok(vec![link.clone()]),
            Self::Cluster(cluster) => {
                let masters = cluster.masters(effort.until).await?;
                Ok(masters.into_iter().map(|node| node.link).collect())
            }
        }
    }
}

fn is_passing(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(refusal) if refusal.is_passing())
}

/// Runs a command on the one server there is, or on whatever takes its place while there is time.
pub(crate) async fn one(link: &Link, command: &Command, effort: Effort) -> Result<Answer, Failure> {
    let mut pauses = Pauses::new(effort.until);
    loop {
        let answer = link.call(command, effort).await;
        let again = match &answer {
            Ok(Answer { reply: Reply::Refused(refusal), .. }) => goes_on(link, refusal)?,
            Ok(_) => false,
            Err(failure) => {
                let may = !failure.sent || effort.repeats;
                may && !failure.trouble.is_lasting() && !link.is_down()
            }
        };
        if !again || !pauses.pause().await {
            return answer;
        }
    }
}

/// Whether a command that was refused may be tried again.
fn goes_on(link: &Link, refusal: &Refusal) -> Result<bool, Failure> {
    match refusal {
        Refusal::Moved { .. } | Refusal::Ask { .. } => Err(Failure::unsent(Trouble::config(
            "the server is a node of a cluster; use a `redis-cluster:` URL, or `topology = cluster`",
        ))),
        Refusal::ReadOnly => {
            link.start_over();
            Ok(true)
        }
        refusal => Ok(refusal.is_passing()),
    }
}

fn addresses(config: &Config) -> Result<Vec<Address>> {
    let sentinel = config.topology == Topology::Sentinel;
    let read = |node: &String| {
        let address = Address::parse(node, sentinel);
        address.ok_or_else(|| refuse("nodes must be `host:port`, or the path of a socket"))
    };
    config.nodes.iter().map(read).collect()
}
