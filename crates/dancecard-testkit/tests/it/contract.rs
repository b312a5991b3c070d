//! The sentences that the cases quote are those of the documentation, and none is without a case.

use std::collections::BTreeSet;

use dancecard_testkit::store::cases;

const STORE: &str = include_str!("../../../dancecard-core/src/store.rs");
const ERROR: &str = include_str!("../../../dancecard-core/src/error.rs");
const ID: &str = include_str!("../../../dancecard-core/src/id.rs");

/// Documentation as plain text: without slashes, line ends, links and emphasis.
fn plain(source: &str) -> String {
    let docs = source.lines().filter_map(|line| line.trim_start().strip_prefix("///"));
    let text = docs.map(str::trim).collect::<Vec<_>>().join(" ");
    text.replace(['[', ']'], "").replace("**", "")
}

/// The list of promises in the documentation of `Store`.
fn promises() -> Vec<String> {
    let docs = plain(STORE);
    let (_, list) = docs.split_once("- A record that").unwrap_or_default();
    let (list, _) = list.split_once("```").unwrap_or_default();
    let list = format!("A record that{list}");
    list.split(" - ").map(|promise| promise.trim().to_owned()).collect()
}

#[test]
fn every_sentence_of_the_contract_has_a_case() {
    let sentences: BTreeSet<_> = cases().map(|case| case.sentence()).collect();
    let promises = promises();
    assert!(promises.len() >= 16, "only {} promises found", promises.len());
    for promise in promises {
        let rest = sentences.iter().fold(promise.clone(), |rest, sentence| rest.replace(sentence, ""));
        assert!(rest.trim().is_empty(), "no case for {rest:?}\n  of {promise:?}");
    }
}

#[test]
fn every_case_quotes_the_documentation() {
    let docs = [STORE, ERROR, ID].map(plain).join(" ");
    for case in cases() {
        assert!(
            docs.contains(case.sentence()),
            "{} quotes what is not written: {}",
            case.full_name(),
            case.sentence()
        );
    }
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let names: BTreeSet<_> = cases().map(|case| case.full_name()).collect();
    assert_eq!(names.len(), cases().count());
    assert!(names.len() > 150, "{} cases", names.len());
}
