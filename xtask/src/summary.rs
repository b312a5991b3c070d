//! What test programs say about themselves, added up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use told::Told;

mod told;

/// A test that was skipped, and what was said about it.
#[derive(Debug, PartialEq, Eq)]
struct Remark {
    program: String,
    test: String,
    reason: Option<String>,
}

/// Counts over all test programs of a run, read from what they print.
///
/// Both libtest and libtest-mimic are understood, with cargo's own lines between them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    skipped: Vec<Remark>,
    failures: Vec<String>,
    told: Told,
    documented: BTreeSet<String>,
    package: String,
    program: String,
    reported: Option<Reported>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Passed,
    Failed,
}

impl Tally {
    /// Takes in all that a test program of that package said.
    pub(crate) fn program(&mut self, package: &str, heading: &str, said: &str) {
        package.clone_into(&mut self.package);
        self.line(heading);
        said.lines().for_each(|line| self.line(line));
    }

    /// Takes in one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        let line = colourless(line);
        let line = line.trim();
        self.told.line(&self.program, line);
        if let Some(program) = program_in(line) {
            self.begin(program);
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.add(counts);
        } else if let Some((test, outcome)) = outcome_in(line) {
            self.outcome(test, outcome);
        } else if let Some(target) = failed_target_in(line) {
            self.ended_badly(target);
        }
    }

    /// Cargo runs a package's own tests before those in its `tests` folder, and names the package only there.
    fn begin(&mut self, program: Program<'_>) {
        self.reported = None;
        self.program = match program {
            Program::DocTests(of) => {
                self.documented.insert(of.to_owned());
                format!("{of} (doc tests)")
            }
            Program::Own { source, name } => {
                self.package = name.to_owned();
                format!("{name} ({source})")
            }
            Program::Integration { source } => format!("{} ({source})", self.package),
        };
    }

    fn add(&mut self, counts: &str) {
        let Some((word, counts)) = counts.split_once(". ") else { return };
        self.passed += count(counts, "passed");
        self.failed += count(counts, "failed");
        self.ignored += count(counts, "ignored");
        // Doc tests report more than once, and one failure among the reports is a failure.
        if self.reported != Some(Reported::Failed) {
            self.reported = Some(if word == "ok" { Reported::Passed } else { Reported::Failed });
        }
    }

    fn outcome(&mut self, test: &str, outcome: &str) {
        let (kind, name) = kind_in(test);
        if outcome == "FAILED" {
            self.failures.push(format!("{}: {name}", self.program));
        } else if let Some(rest) = outcome.strip_prefix("ignored") {
            let reason = reason_in(rest).or_else(|| kind.map(str::to_owned));
            self.skipped.push(Remark { program: self.program.clone(), test: name.to_owned(), reason });
        }
    }

    /// A program that was killed, or left early, reports nothing; it counts as one failed test.
    fn ended_badly(&mut self, target: &str) {
        if self.reported != Some(Reported::Failed) {
            self.failed += 1;
            self.failures.push(format!("{}: ended without reporting a failure ({target})", self.program));
        }
    }

    /// How many tests there were, skipped ones not counted.
    pub(crate) fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    /// Crates whose doc tests ran, by their names in code.
    pub(crate) fn documented(&self) -> &BTreeSet<String> {
        &self.documented
    }

    /// Tests that were skipped: a line for each program and reason, with the name where it is a single one.
    pub(crate) fn skipped(&self) -> Vec<String> {
        let mut alike: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for Remark { program, test, reason } in &self.skipped {
            let reason = reason.as_deref().unwrap_or("no reason given");
            alike.entry((program, reason)).or_default().push(test);
        }
        let line = |((program, reason), tests): (_, Vec<&str>)| match tests.as_slice() {
            [test] => format!("{program}: {test}: {reason}"),
            tests => format!("{program}: {} tests: {reason}", tests.len()),
        };
        alike.into_iter().map(line).collect()
    }

    /// What failed tests said, each below its name.
    pub(crate) fn told(&self) -> impl Iterator<Item = String> {
        self.told.texts()
    }

    /// Tests that failed.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }
}

/// The closing line.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "summary: {} passed, {} failed, {} skipped", self.passed, self.failed, self.ignored)
    }
}

/// Whose tests the next lines are about.
enum Program<'a> {
    Own { source: &'a str, name: &'a str },
    Integration { source: &'a str },
    DocTests(&'a str),
}

/// The line without the escape sequences that `CARGO_TERM_COLOR=always` puts in.
fn colourless(line: &str) -> String {
    let mut parts = line.split("\x1b[");
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    std::iter::once(first).chain(rest).collect()
}

fn program_in(line: &str) -> Option<Program<'_>> {
    if let Some(of) = line.strip_prefix("Doc-tests ") {
        return Some(Program::DocTests(of));
    }
    let (source, path) = line.strip_prefix("Running ")?.split_once(" (")?;
    let Some(source) = source.strip_prefix("unittests ") else {
        return Some(Program::Integration { source });
    };
    let file = path.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    let name = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    Some(Program::Own { source, name })
}

fn outcome_in(line: &str) -> Option<(&str, &str)> {
    let (test, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some((test.trim(), outcome))
}

fn failed_target_in(line: &str) -> Option<&str> {
    let rest =
        line.strip_prefix("error: test failed").or_else(|| line.strip_prefix("error: doctest failed"))?;
    rest.split('`').nth(1)
}

/// libtest-mimic puts a test's kind before its name, as in `[no touch] name`. Conformance cases that are skipped give
/// their reason that way, since it is known before they run.
fn kind_in(test: &str) -> (Option<&str>, &str) {
    let kind = test.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    kind.map_or((None, test), |(kind, name)| (Some(kind), name.trim()))
}

/// `, reason` is libtest's way, ` (reason)` that of libtest-mimic.
fn reason_in(rest: &str) -> Option<String> {
    let mimic = rest.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    rest.strip_prefix(", ").or(mimic).map(str::to_owned)
}

/// The number before a word in `3 passed; 0 failed; …`.
fn count(counts: &str, word: &str) -> u64 {
    let part = counts.split("; ").find_map(|part| part.strip_suffix(word));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// How one step of the gate went.
pub(crate) struct Row {
    pub(crate) step: &'static str,
    pub(crate) ok: bool,
    pub(crate) took: Duration,
    pub(crate) note: String,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.ok { "ok" } else { "failed" };
        write!(f, "{:12} {word:6} {:>7.1} s  {}", self.step, self.took.as_secs_f64(), self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Tally {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.line(line));
        tally
    }

    const LIBTEST: &str = "\
     Running unittests src/lib.rs (target/debug/deps/dancecard_core-0123456789abcdef)

running 4 tests
test id::tests::namespaces_separate ... ok
test memory::tests::slow ... ignored, takes an hour
test memory::tests::old ... ignored
test record::tests::wrong ... FAILED

failures:

---- record::tests::wrong stdout ----
assertion failed

failures:
    record::tests::wrong

test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: test failed, to rerun pass `-p dancecard-core --lib`
";

    const MIMIC: &str = "\
     Running unittests src/lib.rs (target/debug/deps/dancecard_testkit-0123456789abcdef)
     Running tests/it/main.rs (/t/debug/deps/it-00ff00ff00ff00ff)

running 4 tests
test memory::expired_is_not_revived ... ok
test [browser] sign_in      ... ignored (chromedriver is not installed (see README))
test [no list] toy::listing ... ignored
test           sqlite::list ... ignored

test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.23s
";

    #[test]
    fn libtest_is_counted() {
        let tally = read(LIBTEST);
        assert_eq!(tally.to_string(), "summary: 1 passed, 1 failed, 2 skipped");
        assert_eq!(tally.ran(), 2);
        assert_eq!(tally.failures(), ["dancecard_core (src/lib.rs): record::tests::wrong"]);
    }

    #[test]
    fn libtests_reasons_are_kept() {
        assert_eq!(
            read(LIBTEST).skipped(),
            [
                "dancecard_core (src/lib.rs): memory::tests::old: no reason given",
                "dancecard_core (src/lib.rs): memory::tests::slow: takes an hour",
            ]
        );
    }

    #[test]
    fn libtest_mimic_is_counted_and_its_reasons_are_kept() {
        let tally = read(MIMIC);
        assert_eq!(tally.to_string(), "summary: 1 passed, 0 failed, 3 skipped");
        let skipped: Vec<_> = tally.skipped().iter().map(ToString::to_string).collect();
        assert_eq!(
            skipped,
            [
                "dancecard_testkit (tests/it/main.rs): sign_in: chromedriver is not installed (see README)",
                "dancecard_testkit (tests/it/main.rs): toy::listing: no list",
                "dancecard_testkit (tests/it/main.rs): sqlite::list: no reason given",
            ]
        );
    }

    #[test]
    fn a_program_by_itself_is_of_its_package() {
        let mut tally = Tally::default();
        tally.program(
            "other",
            "Running tests/it/main.rs (it-0)",
            "test a ... FAILED\ntest result: FAILED. 0 passed; 1 failed",
        );
        assert_eq!(tally.failures(), ["other (tests/it/main.rs): a"]);
    }

    #[test]
    fn programs_add_up() {
        assert_eq!(read(&(LIBTEST.to_owned() + MIMIC)).to_string(), "summary: 2 passed, 1 failed, 5 skipped");
    }

    #[test]
    fn a_killed_program_is_one_failure() {
        let tally = read(
            "\
     Running tests/crash.rs (target/debug/deps/crash-0123456789abcdef)
running 2 tests
test a ... ok
error: test failed, to rerun pass `-p dancecard-store-sqlite --test crash`

Caused by:
  process didn't exit successfully: `crash` (signal: 9, SIGKILL: kill)
",
        );
        assert_eq!(tally.to_string(), "summary: 0 passed, 1 failed, 0 skipped");
        assert!(tally.failures()[0].contains("--test crash"), "{:?}", tally.failures());
    }

    #[test]
    fn doc_tests_report_twice_and_are_attributed() {
        let tally = read(
            "\
   Doc-tests dancecard_core
test crates/dancecard-core/src/id.rs - id::SessionId (line 9) ... FAILED
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s
error: doctest failed, to rerun pass `-p dancecard-core --doc`
",
        );
        assert_eq!(tally.to_string(), "summary: 3 passed, 1 failed, 0 skipped");
        assert!(tally.documented().contains("dancecard_core"));
        assert!(tally.failures()[0].starts_with("dancecard_core (doc tests): "), "{:?}", tally.failures());
    }

    #[test]
    fn other_lines_count_nothing() {
        let tally =
            read("test result: unclear\nRunning late\nerror: test of nerves\ntest tubes\n5 passed; 3 failed");
        assert_eq!(tally.to_string(), "summary: 0 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn colours_do_not_matter() {
        let tally = read(
            "\x1b[1m\x1b[32m     Running\x1b[0m unittests src/lib.rs (target/debug/deps/a-0)\n\
            test b ... \x1b[33mignored\x1b[0m\n\
            test result: \x1b[32mok\x1b[0m. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
        );
        assert_eq!(tally.to_string(), "summary: 7 passed, 0 failed, 1 skipped");
        assert_eq!(tally.skipped(), ["a (src/lib.rs): b: no reason given"]);
    }

    #[test]
    fn a_row_is_one_line() {
        let row = Row { step: "format", ok: false, took: Duration::from_millis(1250), note: "why".into() };
        assert_eq!(row.to_string(), "format       failed     1.2 s  why");
    }
}
