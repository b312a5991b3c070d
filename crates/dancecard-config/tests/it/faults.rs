//! What fails at start, and how that is said.

use dancecard_core::ErrorKind;

use crate::toy::{Files, fault};

const FAULTS: &[(&str, &str)] = &[
    ("session: memory\nengines: memory\n", "config.yml:2: engines: must be a table of keys"),
    (
        "session: memory\nengines:\n  session: memory\n",
        "config.yml:3: engines.session: must be a table of keys",
    ),
    ("session:\n  idel: 5m\n", "config.yml:2: session.idel: there is no such key; did you mean `idle`?"),
    (
        "session:\n  cookie:\n    nam: x\n",
        "config.yml:3: session.cookie.nam: there is no such key; did you mean `name`?",
    ),
    (
        "session:\n  cokie:\n    name: x\n",
        "config.yml:2: session.cokie: there is no such key; did you mean `cookie`?",
    ),
    ("session:\n  'x.idle': 1h\n", "config.yml:2: session.x.idle: is one name with dots"),
    ("session:\n  cookie:\n    'a.name': x\n", "config.yml:3: session.cookie.a.name: is one name with dots"),
    (
        "session: memory\nengines:\n  session.memory: { max_sessions: 1 }\n",
        "config.yml:3: engines.session.memory: is one name with dots",
    ),
    (
        "session: memory\nengines:\n  session:\n    memory:\n      x.max_sessions: 1\n",
        "config.yml:5: engines.session.memory.x.max_sessions: is one name with dots",
    ),
    (
        "session: memory\nengines:\n  session:\n    not.memory: { max_sessions: 1 }\n",
        "config.yml:4: engines.session.not.memory: is one name with dots",
    ),
    ("session:\n  idle: soon\n", "config.yml:2: session.idle: is no length of time: write"),
    ("session:\n  idle: [5m]\n", "config.yml:2: session.idle: must be one value"),
    ("session:\n  idle: 0\n", "config.yml:2: session.idle: must be longer than nothing"),
    ("session:\n  idle: 2d\n", "config.yml:2: session.idle: is longer than `session.absolute`, 1d"),
    (
        "session:\n  idle: 10m\n  absolute: 5m\n",
        "config.yml:2: session.idle: is longer than `session.absolute`, 5m",
    ),
    (
        "session: { idle: never,\n  absolute: never }\n",
        "config.yml:1: session.idle: a session needs an idle or an absolute limit",
    ),
    ("session:\n  grace: 5s\n", "config.yml:2: session.grace: is how long an old id is good after a renewal"),
    (
        "session:\n  at_limit: end_idlest\n",
        "config.yml:2: session.at_limit: is what happens at `session.max_sessions`",
    ),
    (
        "session:\n  at_limit: never\n",
        "config.yml:2: session.at_limit: must be one of `end_oldest`, `end_idlest`, `refuse_new`",
    ),
    ("session:\n  max_sessions: 0\n", "config.yml:2: session.max_sessions: must be at least 1"),
    (
        "session:\n  max_sessions: -1\n",
        "config.yml:2: session.max_sessions: must be a number that is not negative",
    ),
    ("session:\n  touch: 1.5\n", "config.yml:2: session.touch: must be a share, 0.0 to 1.0"),
    ("session:\n  device_facts: maybe\n", "config.yml:2: session.device_facts: must be `true` or `false`"),
    (
        "session:\n  header: x\n  cookie: { name: a }\n",
        "config.yml:3: session.cookie: the token travels in `session.header`",
    ),
    ("session:\n  header: authorization\n", "config.yml:2: session.header: give the names of header fields"),
    ("session:\n  header: { bearer: true }\n", "config.yml:2: session.header: needs `name`"),
    (
        "session:\n  near_cache: { max_byts: 1 }\n",
        "config.yml:2: session.near_cache.max_byts: there is no such key",
    ),
    (
        "session:\n  cookie:\n    duration: 2 weeks\n",
        "config.yml:3: session.cookie.duration: must be `browser` or `persistent`",
    ),
    (
        "session:\n  cookie:\n    secure: no\n    same_site: none\n",
        "config.yml:4: session.cookie.same_site: SameSite=None needs Secure",
    ),
    (
        "session:\n  cookie:\n    name: __Host-id\n    domain: example.org\n",
        "config.yml:3: session.cookie.name: a `__Host-` cookie has no domain",
    ),
    (
        "session:\n  cookie:\n    name: __Host-id\n    path: /x\n",
        "config.yml:3: session.cookie.name: a `__Host-` cookie has the path `/`",
    ),
    (
        "session:\n  cookie:\n    name: __host-id\n    secure: false\n",
        "config.yml:3: session.cookie.name: a `__Host-` cookie is Secure",
    ),
    (
        "session:\n  cookie:\n    name: __Secure-id\n",
        "config.yml:3: session.cookie.name: leave out the prefix",
    ),
    (
        "session:\n  cookie:\n    name: 'a b'\n",
        "config.yml:3: session.cookie.name: the cookie's name must be a token",
    ),
    (
        "session:\n  cookie:\n    path: x\n",
        "config.yml:3: session.cookie.path: the cookie's path must begin with /",
    ),
    (
        "session:\n  cookie:\n    domain: 'a b'\n",
        "config.yml:3: session.cookie.domain: the cookie's domain must be a host name",
    ),
    (
        "session:\n  cookie:\n    parts: 9\n",
        "config.yml:3: session.cookie.parts: a session can take 1 to 8 cookies",
    ),
    (
        "session:\n  cookie:\n    partitioned: yes\n    secure: no\n",
        "config.yml:3: session.cookie.partitioned: Partitioned needs Secure",
    ),
    (
        "session:\n  cookie:\n    http_only: never\n",
        "config.yml:3: session.cookie.http_only: must be `true` or `false`",
    ),
    ("session:\n  cookie: x\n", "config.yml:2: session.cookie: must be a table of keys"),
    ("session:\n  idle: 5m\n  idle: 6m\n", "config.yml:"),
    ("- a\n- b\n", "config.yml"),
];

#[test]
fn every_fault_has_file_line_key_and_remedy() {
    for (text, expected) in FAULTS {
        assert!(fault(text).starts_with(expected), "{text}{}", fault(text));
    }
}

#[test]
fn a_variable_is_named_instead_of_a_line() {
    let files = Files::new(&[("config.yml", "session: memory\n")]);
    let error = files.load(&[("DANCECARD_SESSION__IDLE", "secret")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        error.detail().unwrap().starts_with("DANCECARD_SESSION__IDLE: session.idle: is no length of time"),
        "{error}"
    );
}

#[test]
fn a_variable_that_is_nearly_a_setting_is_an_error() {
    let files = Files::new(&[("config.yml", "session: memory\n")]);
    for (variable, meant) in [
        ("DANCECARD_SESION__IDLE", "DANCECARD_SESSION__IDLE"),
        ("DANCECARD_SESSION_IDLE", "DANCECARD_SESSION__IDLE"),
        ("DANCECARD_SESSION__IDEL", "session.idel: there is no such key; did you mean `idle`?"),
        ("DANCECARD_SESSION_BANNER", "DANCECARD_SESSION__HEADER"),
        ("DANCECARD_ENGINES__SESION__TOY__PREFIX", "DANCECARD_ENGINES__SESSION__TOY__PREFIX"),
        ("DANCECARD_ENVIROMENT", "DANCECARD_ENVIRONMENT"),
    ] {
        let error = files.load(&[(variable, "secret")]).unwrap_err();
        let text = error.detail().unwrap();
        assert!(text.starts_with(&format!("{variable}: ")) && text.contains(meant), "{text}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn other_variables_and_those_of_keys_in_a_file_are_the_applications() {
    let text = "session: memory\nsession_banner: file\nsessions: 3\n";
    let files = Files::new(&[("config.yml", text), ("environments/development.yml", "engine: diesel\n")]);
    let variables = [
        ("DANCECARD_SESSION_BANNER", "variable"),
        ("DANCECARD_SESSIONS", "4"),
        ("DANCECARD_ENGINE", "steam"),
        ("DANCECARD_VERSION", "1"),
        ("DANCECARD_ENGINES__TEMPLATE__CACHE", "1"),
        ("SESSION_IDLE", "soon"),
    ];
    let config = files.load(&variables).unwrap();
    assert_eq!(config.get::<String>("session_banner").unwrap().as_deref(), Some("variable"));
    assert_eq!(config.get::<u32>("sessions").unwrap(), Some(4));
    assert_eq!(config.get::<String>("engine").unwrap().as_deref(), Some("steam"));
    assert_eq!(config.get::<u32>("version").unwrap(), Some(1));
}

#[test]
fn no_error_repeats_a_value() {
    let values = ["secret", "[secret]", "{ secret: secret }", "'secret '"];
    let keys = [
        "idle",
        "touch",
        "max_sessions",
        "at_limit",
        "device_facts",
        "serializer",
        "header",
        "near_cache",
        "max_payload",
        "on_failure",
    ];
    for key in keys {
        for value in values {
            let files =
                Files::new(&[("config.yml", &format!("session: {{ engine: memory, {key}: {value} }}"))]);
            if let Err(error) = files.load(&[]) {
                let text = format!("{error} {error:?}").replace(".secret", "");
                assert!(!text.contains("secret"), "{key}: {error}");
            }
        }
    }
    for engine in ["toy://u:secret@h?timeout_ms=secret", "redis//u:secret@h", "u:secret@h"] {
        let files = Files::new(&[("config.yml", &format!("session: '{engine}'"))]);
        let error = files.load(&[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
}

#[test]
fn serializers_are_chosen_by_name() {
    let long = "session:\n  serializer: xml\n";
    assert!(fault(long).starts_with("config.yml:2: session.serializer: "), "{}", fault(long));
    #[cfg(feature = "codec")]
    assert!(fault(long).ends_with("there is no serializer of that name; there are json, messagepack, yaml"));
    #[cfg(not(feature = "codec"))]
    assert!(fault(long).ends_with("build dancecard with the feature `codec`"));
}

#[cfg(feature = "codec")]
#[test]
fn encryption_needs_keys() {
    let fault = fault("session:\n  encrypt: true\n");
    assert!(fault.starts_with("config.yml:2: session.encrypt: needs keys to encrypt with"), "{fault}");
}

#[cfg(feature = "codec")]
#[test]
fn keys_that_anyone_could_guess_are_refused() {
    for key in [
        "changeme",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c2hvcnQ=",
        "''",
        "[]",
    ] {
        let text = format!("session:\n  encryption_keys: {key}\n");
        let fault = fault(&text);
        assert!(fault.starts_with("config.yml:2: session.encryption_keys: "), "{fault}");
        assert!(fault.contains("openssl rand -base64 32") || fault.contains("base64"), "{fault}");
    }
}
