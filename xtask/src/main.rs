//! The project's own commands. `cargo xtask test` is the one gate: people and machines run the same.

mod budget;
mod gate;
mod licences;
mod metadata;
mod packages;
mod process;
mod programs;
mod services;
mod steps;
mod summary;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::steps::{STEPS, Step};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does what the words ask for, and says whether all was well.
fn run(words: &[String]) -> Result<bool> {
    match words.split_first() {
        Some((verb, names)) if verb == "test" || verb == "ci" => gate::run(&chosen(names)?),
        Some((verb, words)) if verb == "services" => services::run(words),
        Some((verb, [])) if verb == "tidy" => gate::run(&chosen(&["tidy".to_owned()])?),
        _ => bail!("{}", usage()),
    }
}

fn usage() -> String {
    let steps: String = STEPS.iter().map(|step| format!("\n  {:12} {}", step.name, step.about)).collect();
    format!(
        "usage: cargo xtask test [STEP...] | ci [STEP...] | tidy | services up|down|status\n\nsteps, all of them unless named:{steps}"
    )
}

/// The steps of these names in the gate's own order; all of them if none is named.
fn chosen(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        bail!("there is no step `{unknown}`\n{}", usage());
    }
    Ok(STEPS.iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        chosen(&words).unwrap().iter().map(|step| step.name).collect()
    }

    #[test]
    fn no_name_means_every_step_and_names_keep_the_gates_order() {
        assert_eq!(names(&[]).len(), STEPS.len());
        assert_eq!(names(&["tidy", "format"]), ["format", "tidy"]);
    }

    #[test]
    fn unknown_words_are_refused() {
        assert!(chosen(&["nonsense".to_owned()]).is_err());
        assert!(run(&["nonsense".to_owned()]).is_err());
        assert!(run(&[]).is_err());
    }
}
