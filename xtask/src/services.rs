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
    let services = Services::at(folder(&root));
    match words.split_first() {
        Some((verb, wanted)) if verb == "up" => up(&root, &services, &chosen(wanted)?),
        Some((verb, wanted)) if verb == "down" => down(&services, &chosen(wanted)?),
        Some((verb, [])) if verb == "status" => status(&services),
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
            Ok(processes) => processes.iter().for_each(show),
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
    processes.iter().for_each(show);
    Ok(processes.iter().all(|process| process.health() == Health::Answers))
}

fn show(process: &Process) {
    let health = match process.health() {
        Health::Answers => "answers",
        Health::Silent => "silent",
        Health::Gone => "gone",
    };
    let Process { service, kind, pid, port, url, .. } = process;
    println!("{service:20} {kind:10} {health:8} pid {pid:<8} port {port:<6} {url}");
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

    #[test]
    fn every_service_has_a_requirement() {
        assert!(names().all(|name| requirement(name).is_some()));
    }
}
