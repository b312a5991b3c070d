//! Functions are short: none is over seventy lines, and the middle one of a library has six.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ImplItemFn, ItemFn, ItemMod, Signature, TraitItemFn};

use crate::tidy::Finding;
use crate::tidy::sources::Sources;

const LONGEST: usize = 70;
const MEDIAN: usize = 6;
const MEDIAN_LIMIT: usize = 8;

/// A function with a body, from its signature to its closing brace.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    in_tests: bool,
}

/// No function is longer than seventy lines, tests included.
pub(crate) fn lengths(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in sources.rust() {
        let long = functions(path, file).into_iter().filter(|function| function.lines > LONGEST);
        findings.extend(long.map(|function| too_long(path, &function)));
    }
    findings
}

fn too_long(path: &str, function: &Function) -> Finding {
    let Function { name, line, lines, .. } = function;
    Finding::fault(
        format!("{path}:{line}"),
        format!("`{name}` has {lines} lines, at most {LONGEST}: split it"),
    )
}

/// The middle function of each library, tests left out, has six lines; eight is too many.
pub(crate) fn medians(sources: &Sources) -> Vec<Finding> {
    let mut lengths: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (path, file) in sources.rust() {
        if let Some(library) = library_of(path) {
            let own = functions(path, file).into_iter().filter(|function| !function.in_tests);
            lengths.entry(library).or_default().extend(own.map(|function| function.lines));
        }
    }
    lengths.into_iter().filter_map(|(library, lengths)| judged(library, lengths)).collect()
}

/// `crates/x` for `crates/x/src/…`.
fn library_of(path: &str) -> Option<&str> {
    let (name, rest) = path.strip_prefix("crates/")?.split_once('/')?;
    rest.starts_with("src/").then(|| &path[..name.len() + "crates/".len()])
}

fn judged(library: &str, mut lengths: Vec<usize>) -> Option<Finding> {
    lengths.sort_unstable();
    let median = *lengths.get(lengths.len() / 2)?;
    let message =
        format!("the median of {} functions is {median} lines, it should be {MEDIAN}", lengths.len());
    if median > MEDIAN_LIMIT {
        return Some(Finding::fault(library, message));
    }
    (median > MEDIAN).then(|| Finding::warning(library, message))
}

fn functions(path: &str, file: &syn::File) -> Vec<Function> {
    let in_tests = path.contains("/tests/") || path.ends_with("/tests.rs");
    let mut visitor = Functions { found: Vec::new(), in_tests };
    visitor.visit_file(file);
    visitor.found
}

struct Functions {
    found: Vec<Function>,
    in_tests: bool,
}

impl Functions {
    fn take(&mut self, attributes: &[Attribute], signature: &Signature, body: &Block) {
        let start = signature.span().start().line;
        let end = end_of(body).end().line;
        self.found.push(Function {
            name: signature.ident.to_string(),
            line: start,
            lines: end - start + 1,
            in_tests: self.in_tests || is_for_tests(attributes),
        });
    }

    fn inside(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outside = self.in_tests;
        self.in_tests |= is_for_tests(attributes);
        visit(self);
        self.in_tests = outside;
    }
}

fn end_of(body: &Block) -> Span {
    body.brace_token.span.close()
}

/// `#[test]`, `#[tokio::test]` and the like, and `#[cfg(test)]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let last = path.segments.last().is_some_and(|segment| segment.ident == "test");
        last || path.is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

impl<'a> Visit<'a> for Functions {
    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        self.inside(&module.attrs, |this| visit::visit_item_mod(this, module));
    }

    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.take(&function.attrs, &function.sig, &function.block);
        self.inside(&function.attrs, |this| visit::visit_item_fn(this, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.take(&function.attrs, &function.sig, &function.block);
        self.inside(&function.attrs, |this| visit::visit_impl_item_fn(this, function));
    }

    fn visit_trait_item_fn(&mut self, function: &'a TraitItemFn) {
        if let Some(body) = &function.default {
            self.take(&function.attrs, &function.sig, body);
        }
        self.inside(&function.attrs, |this| visit::visit_trait_item_fn(this, function));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Severity;

    /// A function of so many lines.
    fn function(lines: usize) -> String {
        format!("/// Doc.\npub fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    fn sample(text: &str) -> Sources {
        Sources::sample(&[("crates/x/src/lib.rs", text)])
    }

    #[test]
    fn seventy_lines_are_the_most() {
        assert!(lengths(&sample(&function(70))).is_empty());
        let findings = lengths(&sample(&function(71)));
        assert_eq!(findings[0].place, "crates/x/src/lib.rs:2");
        assert!(findings[0].message.starts_with("`f` has 71 lines"), "{findings:?}");
    }

    #[test]
    fn methods_and_tests_are_measured_too() {
        let method = format!("impl X {{ {} }}", function(71));
        let provided = format!("trait X {{ {} }}", function(71).replace("pub ", ""));
        let test = format!("#[cfg(test)] mod tests {{ {} }}", function(71));
        for text in [method, provided, test] {
            assert_eq!(lengths(&sample(&text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn the_median_warns_above_six_and_fails_above_eight() {
        let severity = |lines| medians(&sample(&function(lines))).first().map(|finding| finding.severity);
        assert_eq!(severity(6), None);
        assert_eq!(severity(7), Some(Severity::Warning));
        assert_eq!(severity(8), Some(Severity::Warning));
        assert_eq!(severity(9), Some(Severity::Fault));
    }

    #[test]
    fn tests_and_other_folders_do_not_count_for_the_median() {
        let long = function(20);
        for text in [
            format!("#[cfg(test)] mod tests {{ {long} }}"),
            format!("#[test] {long}"),
            format!(
                "#[tokio::test(flavor = \"current_thread\")] async {}",
                long.replace("/// Doc.\npub ", "")
            ),
        ] {
            assert!(medians(&sample(&text)).is_empty(), "{text}");
        }
        assert!(
            medians(&Sources::sample(&[("crates/x/tests/it/main.rs", &long), ("xtask/src/a.rs", &long)]))
                .is_empty()
        );
    }
}
