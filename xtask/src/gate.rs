//! Runs the steps one after the other, never stops at a bad one, and closes with what came out.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use crate::steps::Step;
use crate::summary::{Row, Tally};
use crate::{packages, process, programs};

/// What the steps of one run share.
pub(crate) struct Gate {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Whether this is a machine that must not overlook anything (`CI=true`).
    pub(crate) ci: bool,
    /// The tests so far.
    pub(crate) tally: Tally,
}

/// Runs these steps, and says whether all went well.
///
/// # Errors
/// When there is no repository to work on.
pub(crate) fn run(steps: &[&'static Step]) -> Result<bool> {
    let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let mut gate = Gate { root: process::root()?, ci, tally: Tally::default() };
    let rows: Vec<Row> = steps.iter().map(|step| gate.take(step)).collect();
    gate.close(&rows);
    Ok(rows.iter().all(|row| row.ok))
}

impl Gate {
    fn take(&mut self, step: &Step) -> Row {
        println!("\n== {}: {} ==", step.name, step.about);
        let began = Instant::now();
        let outcome = (step.run)(self);
        if let Err(error) = &outcome {
            println!("failed: {error:#}");
        }
        let note = outcome.as_ref().map_or_else(|error| first_line(&format!("{error:#}")), Clone::clone);
        Row { step: step.name, ok: outcome.is_ok(), took: began.elapsed(), note }
    }

    /// Runs tests with these words for cargo. What the machine has, they must use.
    ///
    /// # Errors
    /// When a test fails, or none ran where some must.
    pub(crate) fn tests(&mut self, words: &[&str]) -> Result<String> {
        let before = self.tally.ran();
        let mut command = process::cargo(&self.root, &["test", "--no-fail-fast"]);
        command.args(words).env(packages::REQUIRE, packages::required(self.ci));
        process::watch(command, |line| self.tally.line(line))?;
        self.ran_since(before)
    }

    /// Does the same with the test programs alone, several at once.
    ///
    /// # Errors
    /// When a test fails, or none ran where some must.
    pub(crate) fn programs(&mut self, words: &[&str]) -> Result<String> {
        let before = self.tally.ran();
        let programs = programs::build(&self.root, words)?;
        let at_once = std::thread::available_parallelism()?.get();
        let variables = [(packages::REQUIRE, packages::required(self.ci))];
        let mut bad = Vec::new();
        programs::run(programs, at_once, &variables, |program, well, said| {
            println!("\n     {}, of {}\n{}", program.heading, program.package, said.trim_end());
            self.tally.program(&program.package, &program.heading, said);
            if !well {
                self.tally.line(&format!("error: test failed, to rerun pass `{}`", program.rerun));
                bad.push(program.rerun.clone());
            }
        })?;
        anyhow::ensure!(bad.is_empty(), "`cargo test {}` fails", bad.join("`, `cargo test "));
        self.ran_since(before)
    }

    fn ran_since(&self, before: u64) -> Result<String> {
        let ran = self.tally.ran() - before;
        anyhow::ensure!(ran > 0 || !self.ci, "no test ran");
        Ok(format!("{ran} tests"))
    }

    fn close(&self, rows: &[Row]) {
        section("skipped tests", self.tally.skipped());
        section("failed tests", self.tally.failures().iter().cloned().chain(self.tally.told()));
        println!("\n== steps ==");
        rows.iter().for_each(|row| println!("{row}"));
        println!("\n{}", self.tally);
    }
}

/// A heading and its lines, unless there are none.
fn section(heading: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        println!("\n== {heading} ==");
        lines.for_each(|line| println!("{line}"));
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
