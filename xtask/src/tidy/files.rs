//! Files are short and say by their name what they hold.

use syn::visit::{self, Visit};

use crate::tidy::Finding;
use crate::tidy::sources::Sources;

const LONG: usize = 400;
const LONGEST: usize = 900;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "misc", "common", "manager2"];

/// A Rust file should have at most 400 lines, and must have at most 900.
pub(crate) fn lengths(sources: &Sources) -> Vec<Finding> {
    let rust = sources.texts().filter(|(path, _)| path.ends_with(".rs"));
    rust.filter_map(|(path, text)| judged(path, text.lines().count())).collect()
}

fn judged(path: &str, lines: usize) -> Option<Finding> {
    if lines > LONGEST {
        return Some(Finding::fault(
            path,
            format!("{lines} lines, {LONGEST} at most: split it by what it does"),
        ));
    }
    (lines > LONG).then(|| Finding::warning(path, format!("{lines} lines, it should be {LONG} at most")))
}

/// No `mod.rs`, and no file, folder or module with a name that says nothing.
pub(crate) fn names(sources: &Sources) -> Vec<Finding> {
    let mut findings: Vec<Finding> = sources.texts().filter_map(|(path, _)| path_fault(path)).collect();
    for (path, file) in sources.rust() {
        let mut modules = Modules(Vec::new());
        modules.visit_file(file);
        findings
            .extend(modules.0.iter().filter(|name| is_empty_name(name)).map(|name| empty_name(path, name)));
    }
    findings
}

fn path_fault(path: &str) -> Option<Finding> {
    if path.ends_with("/mod.rs") {
        return Some(Finding::fault(path, "a module lies in `name.rs`, beside its folder, not in `mod.rs`"));
    }
    let stems = path.split('/').map(|part| part.split('.').next().unwrap_or(part));
    stems.filter(|stem| is_empty_name(stem)).map(|stem| empty_name(path, stem)).next()
}

fn empty_name(path: &str, name: &str) -> Finding {
    Finding::fault(path, format!("`{name}` says nothing about what is inside: name the thing"))
}

/// The name itself, or the end of a longer one, as in `session_utils`.
fn is_empty_name(name: &str) -> bool {
    let ends_in = |word: &str| {
        name.strip_suffix(word).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-']))
    };
    EMPTY_NAMES.iter().any(|word| ends_in(word))
}

struct Modules(Vec<String>);

impl<'a> Visit<'a> for Modules {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        // With a body only: the others are files, and were seen as such.
        if module.content.is_some() {
            self.0.push(module.ident.to_string());
        }
        visit::visit_item_mod(self, module);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Severity;

    #[test]
    fn long_files_warn_and_very_long_ones_fail() {
        let severity = |lines: usize| {
            let sources =
                Sources::sample(&[("src/a.rs", &"// x\n".repeat(lines)), ("a.md", &"x\n".repeat(lines))]);
            lengths(&sources).first().map(|finding| finding.severity)
        };
        assert_eq!(severity(400), None);
        assert_eq!(severity(401), Some(Severity::Warning));
        assert_eq!(severity(901), Some(Severity::Fault));
    }

    #[test]
    fn empty_names_are_found_in_files_folders_and_modules() {
        for (path, text) in [
            ("crates/x/src/utils.rs", ""),
            ("crates/x/src/session_helpers.rs", ""),
            ("crates/dancecard-common/src/lib.rs", ""),
            ("crates/x/src/misc/one.rs", ""),
            ("crates/x/src/lib.rs", "mod inner { mod manager2 {} }"),
            ("crates/x/src/store/mod.rs", ""),
        ] {
            assert_eq!(names(&Sources::sample(&[(path, text)])).len(), 1, "{path}");
        }
    }

    #[test]
    fn names_that_say_something_pass() {
        let good = [
            ("crates/x/src/manager.rs", "mod commons {}"),
            ("crates/x/src/uncommon.rs", ""),
            ("modern.rs", ""),
        ];
        assert_eq!(names(&Sources::sample(&good)), []);
    }
}
