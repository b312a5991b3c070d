//! What failed tests said, so that it can be repeated where people look for it: at the end.

/// As much of one test's words as is repeated.
const LINES: usize = 60;

/// The words of failed tests, as test programs print them together before their result.
#[derive(Debug, Default)]
pub(super) struct Told {
    tests: Vec<Words>,
    is_open: bool,
}

#[derive(Debug)]
struct Words {
    heading: String,
    lines: Vec<String>,
}

impl Told {
    /// Takes in one line of a program's output.
    pub(super) fn line(&mut self, program: &str, line: &str) {
        if let Some(test) = heading_in(line) {
            self.tests.push(Words { heading: format!("{program}: {test}"), lines: Vec::new() });
            self.is_open = true;
        } else if line == "failures:" || line.starts_with("test result: ") {
            self.is_open = false;
        } else if let Some(words) = self.tests.last_mut().filter(|_| self.is_open) {
            words.lines.push(line.to_owned());
        }
    }

    /// Each test's words below its name.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.tests.iter().map(Words::text)
    }
}

impl Words {
    fn text(&self) -> String {
        let filled = self.lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        let more = filled.saturating_sub(LINES);
        let mut lines = vec![format!("---- {} ----", self.heading)];
        lines.extend(self.lines.iter().take(filled.min(LINES)).cloned());
        lines.extend((more > 0).then(|| format!("and {more} lines more")));
        lines.join("\n")
    }
}

/// The name in `---- name ----` or `---- name stdout ----`.
fn heading_in(line: &str) -> Option<&str> {
    let name = line.strip_prefix("---- ")?.strip_suffix(" ----")?;
    Some(name.strip_suffix(" stdout").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut told = Told::default();
        text.lines().for_each(|line| told.line("crate", line));
        told.texts().collect()
    }

    #[test]
    fn each_failed_test_is_repeated_with_its_program() {
        let text = "failures:\n\n---- a::b stdout ----\nleft: 1\n\nright: 2\n\n---- c ----\nwhy\n\nfailures:\n    a::b\n";
        assert_eq!(read(text), ["---- crate: a::b ----\nleft: 1\n\nright: 2", "---- crate: c ----\nwhy"]);
    }

    #[test]
    fn a_long_tale_is_cut() {
        let tale: String = (0..LINES + 2).map(|line| format!("{line}\n")).collect();
        let told = read(&format!("---- a ----\n{tale}test result: FAILED. 0 passed"));
        assert!(told[0].ends_with(&format!("\n{}\nand 2 lines more", LINES - 1)), "{told:?}");
    }

    #[test]
    fn programs_without_failures_tell_nothing() {
        assert!(read("running 1 test\ntest a ... ok\ntest result: ok. 1 passed").is_empty());
    }
}
