//! Files that nobody ever wrote as a configuration: an error, or one in bounded time and memory.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use dancecard_config::{Config, Loader};
use dancecard_core::{ErrorKind, Result};

use crate::toy::{Files, engines};

const MEGABYTE: usize = 1 << 20;
/// Memory at one time while a file is read, in bytes: for each byte of it, and besides. A key of two bytes has a name, a value
/// and a place in what is parsed, in what is merged, and in what is kept.
const TIMES: usize = 600;
const BESIDES: usize = 1 << 20;
/// Far more than the slowest case takes on a busy machine, and far less than what no bound would mean.
const PATIENCE: Duration = Duration::from_secs(30);

/// Loads a file, and holds what that takes against what it may.
fn load(name: &str, path: &Path, bytes: usize) -> Result<Config> {
    let begun = Instant::now();
    let loader = Loader::new(path).with_variables([("A", "b")]);
    let mut result = None;
    let info = measure(|| result = Some(loader.load(&engines())));
    let (took, allowed) = (begun.elapsed(), (TIMES * bytes + BESIDES) as u64);
    println!("{name}: {bytes} bytes, {} at one time, {} in all, {took:?}", info.bytes_max, info.bytes_total);
    assert!(took < PATIENCE, "{name}: {took:?}");
    assert!(info.bytes_max <= allowed, "{name}: {} bytes at one time, {allowed} allowed", info.bytes_max);
    assert!(info.bytes_total <= 4 * allowed, "{name}: {} bytes in all", info.bytes_total);
    result.unwrap()
}

fn written(name: &str, ending: &str, text: &str) -> Result<Config> {
    let file = format!("config.{ending}");
    let files = Files::new(&[(&file, text)]);
    load(name, &files.path().join(&file), text.len())
}

fn refused(ending: &str, cases: &[(&str, String)]) {
    for (name, text) in cases {
        let error = written(name, ending, text).map(drop).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Config, "{name}");
        let said = format!("{error} {error:?}");
        assert!(said.contains("config.") && !said.contains("secret"), "{name}: {said}");
        assert!(said.len() < 4096, "{name}: {} bytes of error", said.len());
    }
}

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

#[test]
fn yaml_that_is_more_than_it_seems_is_refused() {
    let mut laughs = String::from("a0: &a0 [secret,x,x,x,x,x,x,x,x,x]\n");
    (1..10).for_each(|n| writeln!(laughs, "a{n}: &a{n} [{}]", format!("*a{},", n - 1).repeat(10)).unwrap());
    let mut merges = String::from("m0: &m0 { a: secret, b: 1 }\n");
    (1..60).for_each(|n| writeln!(merges, "m{n}: &m{n} {{ <<: [*m{0}, *m{0}], c{n}: 1 }}", n - 1).unwrap());
    let long = "x".repeat(100_000);
    refused(
        "yml",
        &[
            ("a thousand million laughs", laughs),
            ("mappings merged into mappings", merges),
            (
                "one alias of a long text, again and again",
                format!("a: &a {long}\nb: [{}]\n", "*a,".repeat(200)),
            ),
            ("more aliases than anybody needs", format!("a: &a secret\nb: [{}]\n", "*a,".repeat(1_000))),
            ("an alias of itself", "a: &a [*a]\n".into()),
            ("lists in lists", format!("a: {}", "[".repeat(500_000))),
            ("lists in lists that end", format!("a: {}{}", "[".repeat(200), "]".repeat(200))),
            ("mappings in mappings", format!("a: {}", "{b: ".repeat(100_000))),
            ("mappings below mappings", many(1_000, |n| format!("{}a:\n", " ".repeat(n)))),
            ("items below items", format!("a:\n  {}secret", "- ".repeat(100_000))),
            ("more nodes than a configuration has", format!("a: [{}]", "1,".repeat(70_000))),
            ("a text that does not end", format!("a: \"{}", "secret ".repeat(140_000))),
            ("more than one document", "a: 1\n---\na: secret\n".repeat(1_000)),
            ("the same key again and again", "a: secret\n".repeat(50_000)),
            ("larger than a configuration is", format!("a: {}", "secret ".repeat(200_000))),
            ("one long key that is none of ours", format!("session: {{ {}: 1 }}", "x".repeat(1_000))),
        ],
    );
}

#[test]
fn toml_that_is_more_than_it_seems_is_refused() {
    let dotted = vec!["a"; 79].join(".");
    refused(
        "toml",
        &[
            ("lists in lists", format!("a = {}", "[".repeat(500_000))),
            ("lists in lists that end", format!("a = {}{}", "[".repeat(70), "]".repeat(70))),
            ("tables in tables", format!("a = {}", "{ b = ".repeat(100_000))),
            ("one key of many", format!("{}a = 'secret'", "a.".repeat(200_000))),
            ("one header of many", format!("[{}a]", "a.".repeat(200_000))),
            (
                "keys of many in tables in tables",
                format!("{0} = 'secret' {1}", format!("{dotted} = {{ ").repeat(79), "}".repeat(79)),
            ),
            ("a table for each line", "[[a]]\n".repeat(150_000)),
            ("more nodes than a configuration has", format!("a = [{}]", "1,".repeat(300_000))),
            ("more keys than a configuration has", many(70_000, |n| format!("k{n} = 1\n"))),
            ("a text that does not end", format!("a = \"{}", "secret ".repeat(140_000))),
            ("the same key again and again", "a = 'secret'\n".repeat(50_000)),
            ("larger than a configuration is", format!("a = '{}'", "secret ".repeat(200_000))),
        ],
    );
}

/// What a configuration can be costs in proportion to its length, however it is laid out.
#[test]
fn what_is_large_and_usable_stays_in_bounds() {
    let (long, key) = ("x".repeat(MEGABYTE - 100), "k".repeat(500_000));
    let yaml = [
        ("one long text", format!("a: {long}\n")),
        ("many keys", many(5_000, |n| format!("k{n}: {n}\n"))),
        ("many keys like ours", many(2_000, |n| format!("session_k{n}0000000: {n}\n"))),
        ("many items", format!("a: [{}]\n", "1,".repeat(20_000))),
        ("many keys below a long one", format!("? {key}\n:\n{}", many(5_000, |n| format!("  k{n}: 1\n")))),
        ("a key that does not end", format!("? {}", "key ".repeat(250_000))),
        ("nothing but comments", "# nothing\n".repeat(100_000)),
    ];
    for (name, text) in yaml {
        written(name, "yml", &text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let toml = [
        ("one long text", format!("a = '{long}'\n")),
        ("many keys", many(5_000, |n| format!("k{n} = {n}\n"))),
        ("many items", format!("a = [{}]\n", "1,\n".repeat(20_000))),
        ("many keys below a long one", format!("[{key}]\n{}", many(5_000, |n| format!("k{n} = 1\n")))),
        ("many tables", many(5_000, |n| format!("[t{n}]\na = 1\n"))),
        ("nothing but comments", "# nothing\n".repeat(100_000)),
    ];
    for (name, text) in toml {
        written(name, "toml", &text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// No more of it is read than a configuration can have.
#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_refused() {
    let error = load("zeros", Path::new("/dev/zero"), MEGABYTE).map(drop).unwrap_err();
    assert!(error.to_string().contains("/dev/zero: it is larger than a megabyte"), "{error}");
}
