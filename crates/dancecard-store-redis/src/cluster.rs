//! A cluster: which node has a key, and following keys that move.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use tokio::sync;
use tokio::time::{Instant, timeout_at};

use crate::address::Address;
use crate::dial::Dialer;
use crate::error::{Failure, Refusal, Trouble};
use crate::link::{Answer, Link, Target};
use crate::servers::{Effort, Pauses};
use crate::wire::{Command, Reply};
use slots::{Range, SLOTS, ranges, slot_of};

mod slots;

/// How often a command is sent on at once before a pause.
const HOPS: usize = 8;
const NOBODY: u16 = u16::MAX;

/// The nodes of a cluster, as far as they are known.
#[derive(Debug)]
pub(crate) struct Cluster {
    seeds: Vec<Node>,
    dialer: Arc<Dialer>,
    map: RwLock<Map>,
    /// Held by the one who asks for the map.
    asking: sync::Mutex<()>,
    /// Which node to ask first.
    turn: AtomicUsize,
}

/// A node and the way to it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    address: Address,
    pub(crate) link: Arc<Link>,
}

#[derive(Debug)]
struct Map {
    /// How many maps there were before.
    number: usize,
    masters: Vec<Node>,
    /// For each slot the place of its master.
    slots: Box<[u16]>,
}

impl Cluster {
    pub(crate) fn new(seeds: Vec<Address>, dialer: Arc<Dialer>) -> Self {
        let map = Map { number: 0, masters: Vec::new(), slots: vec![NOBODY; SLOTS].into() };
        let seeds = seeds.into_iter().map(|address| Node::new(address, &dialer)).collect();
        Self { seeds, dialer, map: RwLock::new(map), asking: sync::Mutex::new(()), turn: AtomicUsize::new(0) }
    }

    /// Runs a command on the node that has the key, wherever it moves.
    ///
    /// # Errors
    /// When no node gives a reply in time.
    pub(crate) async fn call(
        &self,
        key: &[u8],
        command: &Command,
        effort: Effort,
    ) -> Result<Answer, Failure> {
        let slot = slot_of(key);
        let (mut pauses, mut hops) = (Pauses::new(effort.until), 0);
        let mut asked: Option<Node> = None;
        loop {
            let (node, answer) = match asked.take() {
                Some(node) => {
                    let answer = node.link.call_asking(command, effort).await;
                    (node, answer)
                }
                None => {
                    let node = self.node_of(slot, effort.until).await?;
                    let answer = node.link.call(command, effort).await;
                    (node, answer)
                }
            };
            match next_step(&answer, effort) {
                Step::Done => return answer,
                Step::Moved(slot, address) => self.moved(slot, &address, &node),
                Step::Ask(address) => asked = self.node_at(&address, &node),
                Step::Again => {
                    let map = self.map.read().number;
                    // If it can't be had now, the old one may still do.
                    let _ = self.refresh(map, effort.until).await;
                    if answer.is_err() && node.link.is_down() && self.is_still(slot, &node) {
                        return answer;
                    }
                    hops = HOPS;
                }
            }
            hops += 1;
            if hops > HOPS && !pauses.pause().await {
                return answer;
            }
        }
    }

    /// All masters, as of now.
    ///
    /// # Errors
    /// When no node says who they are.
    pub(crate) async fn masters(&self, until: Instant) -> Result<Vec<Node>, Failure> {
        let mut pauses = Pauses::new(until);
        loop {
            let map = self.map.read().number;
            match self.refresh(map, until).await {
                Ok(()) => return Ok(self.map.read().masters.clone()),
                Err(failure) if failure.trouble.is_lasting() || self.is_down() => return Err(failure),
                Err(failure) if !pauses.pause().await => return Err(failure),
                Err(_) => {}
            }
        }
    }

    /// The node that a key is on, if that is known.
    pub(crate) fn known_node(&self, key: &[u8]) -> Option<Node> {
        self.map.read().master(slot_of(key))
    }

    async fn node_of(&self, slot: u16, until: Instant) -> Result<Node, Failure> {
        let mut pauses = Pauses::new(until);
        loop {
            let (found, map) = {
                let map = self.map.read();
                (map.master(slot), map.number)
            };
            if let Some(node) = found {
                return Ok(node);
            }
            let trouble = match self.refresh(map, until).await {
                Ok(()) if self.map.read().master(slot).is_some() => continue,
                Ok(()) => Failure::unsent(Refusal::ClusterDown.trouble()),
                Err(failure) => failure,
            };
            if trouble.trouble.is_lasting() || self.is_down() || !pauses.pause().await {
                return Err(trouble);
            }
        }
    }

    fn is_still(&self, slot: u16, node: &Node) -> bool {
        self.map.read().master(slot).is_some_and(|master| master.address == node.address)
    }

    /// Whether every node that is known has been out of reach for long.
    fn is_down(&self) -> bool {
        let masters = self.map.read().masters.clone();
        self.seeds.iter().chain(&masters).all(|node| node.link.is_down())
    }

    fn moved(&self, slot: u16, address: &str, asked: &Node) {
        if let Some(node) = self.node_at(address, asked) {
            self.map.write().assign(slot, node);
        }
    }

    fn node_at(&self, address: &str, asked: &Node) -> Option<Node> {
        let address = Address::of_redirection(address, &asked.address)?;
        Some(self.map.read().node(&address).unwrap_or_else(|| Node::new(address, &self.dialer)))
    }

    /// Asks one node after the other for a map, unless another caller got one after that number meanwhile.
    async fn refresh(&self, number: usize, until: Instant) -> Result<(), Failure> {
        let late = |_| Failure::unsent(Trouble::unavailable("no node of the cluster answered in time"));
        let _held = timeout_at(until, self.asking.lock()).await.map_err(late)?;
        if self.map.read().number != number {
            return Ok(());
        }
        let mut failure = Failure::unsent(Trouble::unavailable("no node of the cluster can be reached"));
        for node in self.nodes_to_ask() {
            match self.ask(&node, until).await {
                Ok(ranges) => {
                    self.map.write().replace(&ranges, &self.dialer);
                    return Ok(());
                }
                Err(met) => failure = met,
            }
        }
        Err(failure)
    }

    /// Those that can be reached as far as is known come first, and not always in the same order.
    fn nodes_to_ask(&self) -> Vec<Node> {
        let mut nodes = self.map.read().masters.clone();
        if !nodes.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % nodes.len();
            nodes.rotate_left(first);
        }
        nodes.extend(self.seeds.iter().cloned());
        nodes.sort_by_key(|node| node.link.is_troubled());
        nodes
    }

    async fn ask(&self, node: &Node, until: Instant) -> Result<Vec<Range>, Failure> {
        let until = until.min(Instant::now() + self.dialer.config.connect_timeout());
        let effort = Effort { until, repeats: true, replicas: 0 };
        let answer = node.link.call(&Command::new("CLUSTER").arg("SLOTS"), effort).await?;
        if let Reply::Refused(Refusal::Other(_)) = answer.reply {
            return Err(Failure::unsent(Trouble::config(
                "the server is no node of a cluster; use a `redis:` URL, or `topology = standalone`",
            )));
        }
        if let Reply::Refused(refusal) = answer.reply {
            return Err(Failure::unsent(refusal.trouble()));
        }
        let ranges = ranges(&answer.reply, &node.address);
        if ranges.is_empty() {
            return Err(Failure::unsent(Trouble::unavailable("the cluster serves no slots (yet)")));
        }
        Ok(ranges)
    }
}

/// What to do after an answer.
enum Step {
    Done,
    Moved(u16, String),
    Ask(String),
    Again,
}

fn next_step(answer: &Result<Answer, Failure>, effort: Effort) -> Step {
    match answer {
        Ok(Answer { reply: Reply::Refused(Refusal::Moved { slot, node }), .. }) => {
            Step::Moved(*slot, node.clone())
        }
        Ok(Answer { reply: Reply::Refused(Refusal::Ask { node }), .. }) => Step::Ask(node.clone()),
        Ok(Answer { reply: Reply::Refused(refusal), .. }) if refusal.is_passing() => Step::Again,
        Ok(_) => Step::Done,
        Err(failure) if failure.trouble.is_lasting() || failure.sent && !effort.repeats => Step::Done,
        Err(_) => Step::Again,
    }
}

impl Node {
    fn new(address: Address, dialer: &Arc<Dialer>) -> Self {
        let link = Link::new(Target::Fixed(address.clone()), dialer.clone());
        Self { address, link: Arc::new(link) }
    }
}

impl Map {
    fn master(&self, slot: u16) -> Option<Node> {
        let place = *self.slots.get(usize::from(slot))?;
        self.masters.get(usize::from(place)).cloned()
    }

    fn node(&self, address: &Address) -> Option<Node> {
        self.masters.iter().find(|node| node.address == *address).cloned()
    }

    fn assign(&mut self, slot: u16, node: Node) {
        let place = self.place(node);
        if let Some(entry) = self.slots.get_mut(usize::from(slot)) {
            *entry = place;
        }
    }

    /// Where a node stands among the masters, with those that are new at the end.
    fn place(&mut self, node: Node) -> u16 {
        let known = self.masters.iter().position(|other| other.address == node.address);
        let place = known.unwrap_or_else(|| {
            self.masters.push(node);
            self.masters.len() - 1
        });
        u16::try_from(place).unwrap_or(NOBODY)
    }

    /// Takes over a new map. Connections to nodes that stay are kept.
    fn replace(&mut self, ranges: &[Range], dialer: &Arc<Dialer>) {
        let old = std::mem::take(&mut self.masters);
        self.slots.fill(NOBODY);
        for range in ranges {
            let known = old.iter().find(|node| node.address == range.master).cloned();
            let place = self.place(known.unwrap_or_else(|| Node::new(range.master.clone(), dialer)));
            let slots = usize::from(range.first)..=usize::from(range.last);
            self.slots.get_mut(slots).unwrap_or_default().fill(place);
        }
        self.number += 1;
    }
}
