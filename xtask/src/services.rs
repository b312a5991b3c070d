//! Servers that stay: started, ended and asked by hand.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use dancecard_servers::services::{Health, Process, Services, folder, names, requirement};

use crate::{packages, process};

/// Does what the words after `services` ask for, and says whether all was well.
///
/// # Errors
/// When the words mean nothing, or the state of the services can't be read or written.
pub(crate) fn run(words: &[String]) -> Result<bool> {
    let root = process::root()?;
    at(&root, &Services::at(folder(&root)), words)
}

fn at(root: &Path, services: &Services, words: &[String]) -> Result<bool> {
    match words.split_first() {
        Some((verb, wanted)) if verb == "up" => up(root, services, &chosen(wanted)?),
        Some((verb, wanted)) if verb == "down" => down(services, &chosen(wanted)?),
        Some((verb, [])) if verb == "status" => status(services),
        _ => bail!("usage: cargo xtask services up [NAME...] | down [NAME...] | status\nnames: {}", listed()),
    }
}

fn listed() -> String {
    names().collect::<Vec<_>>().join(", ")
}

/// The services of these names; all of them if none is named.
fn chosen(wanted: &[String]) -> Result<Vec<&'static str>> {
    if let Some(unknown) = wanted.iter().find(|wanted| names().all(|name| name != **wanted)) {
        bail!("there is no service `{unknown}`; these there are: {}", listed());
    }
    Ok(names().filter(|name| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)).collect())
}

/// One that does not come up stops no other.
fn up(root: &Path, services: &Services, wanted: &[&str]) -> Result<bool> {
    let requirements: Vec<_> = wanted.iter().filter_map(|name| requirement(name)).collect();
    packages::provide_for(root, &requirements);
    let mut good = true;
    for name in wanted {
        match services.up(name) {
            Ok(processes) => processes.iter().for_each(|process| println!("{}", line(process))),
            Err(absent) => {
                good = false;
                println!("{name:20} {absent}");
            }
        }
    }
    Ok(good)
}

fn down(services: &Services, wanted: &[&str]) -> Result<bool> {
    for name in wanted {
        let ended = services.down(name).with_context(|| format!("can't end {name}"))?;
        if ended > 0 {
            println!("{name:20} {ended} ended");
        }
    }
    Ok(true)
}

/// Good if there are services and all of them answer.
fn status(services: &Services) -> Result<bool> {
    let processes = services.processes()?;
    ensure!(!processes.is_empty(), "no services are up");
    processes.iter().for_each(|process| println!("{}", line(process)));
    Ok(processes.iter().all(|process| process.health() == Health::Answers))
}

fn line(process: &Process) -> String {
    let health = match process.health() {
        Health::Answers => "answers",
        Health::Silent => "silent",
        Health::Gone => "gone",
    };
    let Process { service, kind, pid, port, url, .. } = process;
    format!("{service:20} {kind:10} {health:8} pid {pid:<8} port {port:<6} {url}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_means_all() {
        assert_eq!(chosen(&[]).unwrap().len(), names().count());
        assert_eq!(chosen(&["valkey".to_owned(), "redis".to_owned()]).unwrap(), ["redis", "valkey"]);
    }

    #[test]
    fn unknown_words_are_refused() {
        assert!(chosen(&["oracle".to_owned()]).is_err());
        assert!(run(&["sideways".to_owned()]).is_err());
        assert!(run(&[]).is_err());
    }

    /// Ends what a test has started, whatever becomes of the test.
    struct Place(tempfile::TempDir);

    impl Place {
        fn services(&self) -> Services {
            Services::at(self.0.path().join("services"))
        }

        fn run(&self, words: &[&str]) -> Result<bool> {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            at(&process::root().unwrap(), &self.services(), &words)
        }

        /// What is said of the one process.
        fn line(&self) -> String {
            line(self.services().processes().unwrap().first().unwrap())
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(self.run(&["down"]));
        }
    }

    fn signal(pid: u32, name: &str) {
        let pid = pid.to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    #[test]
    fn a_service_comes_up_is_watched_and_ends() {
        let place = Place(tempfile::tempdir().unwrap());
        assert!(place.run(&["status"]).unwrap_err().to_string().contains("no services are up"));
        assert!(place.run(&["up", "redis"]).unwrap(), "redis does not come up, as is said above");
        assert!(place.run(&["status"]).unwrap());
        let server = place.services().processes().unwrap().remove(0);
        for part in ["redis ", " answers ", &server.pid.to_string(), &server.port.to_string(), &server.url] {
            assert!(place.line().contains(part), "{}", place.line());
        }
        assert!(place.run(&["up", "redis"]).unwrap(), "a fresh one takes its place");
        let (before, server) = (server, place.services().processes().unwrap().remove(0));
        assert_ne!(before.pid, server.pid);
        assert!(matches!(before.health(), Health::Gone));
        signal(server.pid, "STOP");
        assert!(!place.run(&["status"]).unwrap(), "it is silent");
        assert!(place.line().contains(" silent "), "{}", place.line());
        signal(server.pid, "CONT");
        assert!(place.run(&["status"]).unwrap());
        signal(server.pid, "KILL");
        while place.line().contains(" answers ") {
            std::thread::yield_now();
        }
        assert!(!place.run(&["status"]).unwrap(), "it is gone");
        assert!(place.run(&["up", "redis"]).unwrap(), "another takes its place");
        assert!(place.run(&["status"]).unwrap());
        assert!(place.run(&["down"]).unwrap());
        assert!(place.run(&["status"]).is_err());
        assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err(), "it listens still");
    }

    #[test]
    fn every_service_has_a_requirement() {
        assert!(names().all(|name| requirement(name).is_some()));
    }
}
