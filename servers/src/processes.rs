//! Signals to a server and the processes it started.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A server and its children, the server first. PostgreSQL serves each connection from a process of its own, and a
/// pause that they don't notice is none.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let children = running().filter(|other| parent(*other) == Some(pid));
    std::iter::once(pid).chain(children).collect()
}

/// Sends a signal. A process that is gone already needs none.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Waits until these processes are gone, for at most that long, and says whether they are.
pub(crate) fn gone(pids: &[u32], within: Duration) -> bool {
    wait(pids, within, |pid| !is_alive(pid))
}

/// Waits until these processes have stopped, for at most that long, and says whether they have.
pub(crate) fn halted(pids: &[u32], within: Duration) -> bool {
    // One that has ended stays as a zombie while its parent is stopped.
    wait(pids, within, |pid| !is_alive(pid) || state(pid).is_none_or(|(state, _)| state == 'T'))
}

/// The kernel tells nobody but a parent, and these are not all our children: they are looked at again and again.
fn wait(pids: &[u32], within: Duration, is_so: fn(u32) -> bool) -> bool {
    let until = Instant::now() + within;
    while !pids.iter().all(|pid| is_so(*pid)) {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Whether a process runs. One that ended, and that nobody has asked about yet, does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    state(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

fn running() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(pid: u32) -> Option<u32> {
    state(pid).map(|(_, parent)| parent)
}

/// When a process started, in ticks since the machine did.
pub(crate) fn started(pid: u32) -> Option<u64> {
    stat(pid)?.split_whitespace().nth(19)?.parse().ok()
}

fn state(pid: u32) -> Option<(char, u32)> {
    let text = stat(pid)?;
    let mut fields = text.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

/// What the kernel says of a process, from its state on. The name before is in parentheses and may hold anything.
fn stat(pid: u32) -> Option<String> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    text.rsplit_once(')').map(|(_, rest)| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_children_are_found() {
        let own = std::process::id();
        assert!(is_alive(own));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(family(own)[0], own);
        assert!(family(own).contains(&child.id()));
        signal(child.id(), Signal::KILL);
        assert!(gone(&[child.id()], Duration::from_secs(10)));
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
    }
}
