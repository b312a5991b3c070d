//! The same faults in TOML, in the file of an environment, and in variables: each is named with its place.

use dancecard_config::Loader;
use dancecard_core::ErrorKind;

use crate::toy::{Files, engines};

const SHORT: &str = "c2hvcnQ=";

/// Twice the same: as TOML, and as YAML, with what is said of the key and the lines where it stands.
const FAULTS: &[(&str, &str, [usize; 2], &str)] = &[
    (
        "[session]\nidel = \"5m\"\n",
        "session:\n  idel: 5m\n",
        [2, 2],
        "session.idel: there is no such key; did you mean `idle`?",
    ),
    (
        "[session]\nidle = \"soon\"\n",
        "session:\n  idle: soon\n",
        [2, 2],
        "session.idle: is no length of time: write",
    ),
    ("[session]\nidle = [\"5m\"]\n", "session:\n  idle: [5m]\n", [2, 2], "session.idle: must be one value"),
    (
        "session = \"toi\"\n",
        "session: toi\n",
        [1, 1],
        "session.engine: there is no such engine; did you mean `toy`?",
    ),
    (
        "[session.cookie]\nsecure = false\nsame_site = \"none\"\n",
        "session:\n  cookie:\n    secure: no\n    same_site: none\n",
        [3, 4],
        "session.cookie.same_site: SameSite=None needs Secure",
    ),
    (
        "[session.cookie]\nname = \"__Host-id\"\ndomain = \"example.org\"\n",
        "session:\n  cookie:\n    name: __Host-id\n    domain: example.org\n",
        [2, 3],
        "session.cookie.name: a `__Host-` cookie has no domain",
    ),
    (
        "[session]\nmax_sessions = -1\n",
        "session:\n  max_sessions: -1\n",
        [2, 2],
        "session.max_sessions: must be a number that is not negative",
    ),
    (
        "[session]\nheader = \"x\"\n[session.cookie]\nname = \"a\"\n",
        "session:\n  header: x\n  cookie:\n    name: a\n",
        [3, 3],
        "session.cookie: the token travels in `session.header`",
    ),
    ("engines = 3\n", "engines: 3\n", [1, 1], "engines: must be a table of keys"),
    (
        "[engines.session.toy]\nprefx = \"x\"\n",
        "engines:\n  session:\n    toy:\n      prefx: x\n",
        [2, 4],
        "engines.session.toy.prefx: there is no such key; did you mean `prefix`?",
    ),
    (
        "[session]\n\"x.idle\" = \"1h\"\n",
        "session:\n  x.idle: 1h\n",
        [2, 2],
        "session.x.idle: is one name with dots",
    ),
    (
        "[session]\nidle = \"10m\"\nabsolute = \"5m\"\n",
        "session:\n  idle: 10m\n  absolute: 5m\n",
        [2, 2],
        "session.idle: is longer than `session.absolute`, 5m",
    ),
    (
        "[session]\nencryption_keys = [\"c2hvcnQ=\"]\n",
        "session:\n  encryption_keys: [c2hvcnQ=]\n",
        [2, 2],
        "session.encryption_keys: a key needs at least 32 random bytes",
    ),
    (
        "session = \"postgres\"\n",
        "session: postgres\n",
        [1, 1],
        "session.engine: the engine `postgres` is not in this build",
    ),
    (
        "session_expire = 60\n",
        "session_expire: 60\n",
        [1, 1],
        "session_expire: there is no such key; did you mean `session_expires`?",
    ),
    (
        "[session]\nsession_name = \"x\"\n",
        "session:\n  session_name: x\n",
        [2, 2],
        "session.session_name: there is no such key",
    ),
];

/// What is said of these files, from the name of one on.
fn fault(files: &[(&str, &str)], named: &str) -> String {
    let files = Files::new(files);
    let loader = Loader::new(files.path().join(files_main(files.path()))).with_variables([("A", "b")]);
    let error = loader.load(&engines()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let detail = error.detail().unwrap();
    detail.find(named).map_or_else(|| detail.to_owned(), |at| detail[at..].to_owned())
}

fn files_main(folder: &std::path::Path) -> &'static str {
    if folder.join("config.toml").exists() { "config.toml" } else { "config.yml" }
}

#[test]
fn a_fault_in_toml_has_file_line_key_and_remedy() {
    for (toml, _, [line, _], expected) in FAULTS {
        let told = fault(&[("config.toml", toml)], "config.toml");
        assert!(told.starts_with(&format!("config.toml:{line}: {expected}")), "{toml}{told}");
    }
}

#[test]
fn a_fault_in_the_file_of_an_environment_is_named_with_it() {
    for (toml, yaml, lines, expected) in FAULTS {
        for (text, name, line) in [(toml, "development.toml", lines[0]), (yaml, "development.yml", lines[1])]
        {
            let place = format!("environments/{name}");
            let told = fault(&[("config.yml", "charset: UTF-8\n"), (&place, text)], name);
            assert!(told.starts_with(&format!("{name}:{line}: {expected}")), "{text}{told}");
        }
    }
}

/// Half of it in the file, and half in a variable; or all of it in variables.
#[test]
fn a_fault_in_variables_is_named_with_one_of_them() {
    type Variables = &'static [(&'static str, &'static str)];
    let cases: [(&str, Variables, &str); 8] = [
        (
            "session:\n  cookie: { same_site: none }\n",
            &[("DANCECARD_SESSION__COOKIE__SECURE", "false")],
            "session.cookie.same_site: SameSite=None needs Secure",
        ),
        (
            "session: toy\n",
            &[("DANCECARD_SESSION__COOKIE__SAME_SITE", "none"), ("DANCECARD_SESSION__COOKIE__SECURE", "0")],
            "DANCECARD_SESSION__COOKIE__SAME_SITE: session.cookie.same_site: SameSite=None needs Secure",
        ),
        (
            "session:\n  cookie: { domain: example.org }\n",
            &[("DANCECARD_SESSION__COOKIE__NAME", "__Host-id")],
            "DANCECARD_SESSION__COOKIE__NAME: session.cookie.name: a `__Host-` cookie has no domain",
        ),
        (
            "session: toy\n",
            &[("DANCECARD_SESSION__ENCRYPTION_KEYS", SHORT)],
            "DANCECARD_SESSION__ENCRYPTION_KEYS: session.encryption_keys",
        ),
        (
            "session: toy\n",
            &[("DANCECARD_SESSION__ENGINE", "toi")],
            "DANCECARD_SESSION__ENGINE: session.engine: ",
        ),
        (
            "session: toy\n",
            &[("DANCECARD_ENGINES__SESSION__TOY__PREFX", "x")],
            "DANCECARD_ENGINES__SESSION__TOY__PREFX: engines.session.toy.prefx: there is no such key; did you mean `prefix`?",
        ),
        (
            "session: toy\n",
            &[("DANCECARD_SESSION", "postgres")],
            "DANCECARD_SESSION: session.engine: the engine `postgres` is not in this build",
        ),
        (
            "session: toy\n",
            &[("DANCECARD_SESSION_EXPIRES", "garbage")],
            "DANCECARD_SESSION_EXPIRES: session_expires: is no length of time",
        ),
    ];
    for (text, variables, expected) in cases {
        let files = Files::new(&[("config.yml", text)]);
        let error = files.load(variables).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let told = error.detail().unwrap();
        assert!(told.contains(expected), "{variables:?}: {told}");
        assert!(!format!("{error} {error:?}").contains(SHORT), "{error}");
    }
}

#[test]
fn keys_of_dancer_have_their_effect_as_variables() {
    let files = Files::new(&[("config.yml", "session: toy\nsession_name: in_file\n")]);
    let variables = [
        ("DANCECARD_SESSION_NAME", "old"),
        ("DANCECARD_SESSION_EXPIRES", "3600"),
        ("DANCECARD_SESSION_SECURE", "0"),
    ];
    let shown = files.load(&variables).unwrap().to_string();
    for expected in [
        "session.absolute = 1h (DANCECARD_SESSION_EXPIRES)",
        "session.cookie.name = old (DANCECARD_SESSION_NAME)",
        "session.cookie.secure = never (DANCECARD_SESSION_SECURE)",
    ] {
        let is_it = |line: &str| line.split_whitespace().eq(expected.split(' '));
        assert!(shown.lines().any(is_it), "no {expected} in:\n{shown}");
    }
}
