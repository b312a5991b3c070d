//! Which files and variables are read, and which of them wins.

use std::fs;
use std::path::Path;

use dancecard_config::{Config, Loader};
use dancecard_core::Result;

use crate::toy::{Files, engines};

fn name(config: &Config) -> String {
    config.get::<String>("who").unwrap().unwrap_or_default()
}

fn load(folder: &Path, variables: &[(&str, &str)]) -> Result<Config> {
    Loader::new(folder.join("config.yml")).with_variables(variables.iter().copied()).load(&engines())
}

#[test]
fn variables_win_over_the_environments_file_and_that_over_the_first() {
    let files = Files::new(&[
        ("config.yml", "who: file\nsession: toy\n"),
        ("environments/development.yml", "who: development\n"),
        ("environments/production.toml", "who = 'production'\n"),
    ]);
    let who = |variables: &[(&str, &str)]| {
        let config = load(files.path(), variables).unwrap();
        (config.environment().to_owned(), name(&config))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(who(&[]), pair("development", "development"));
    assert_eq!(who(&[("PLACK_ENV", "production")]), pair("production", "production"));
    assert_eq!(
        who(&[("PLACK_ENV", "x"), ("DANCER_ENVIRONMENT", "production")]),
        pair("production", "production")
    );
    assert_eq!(who(&[("DANCER_ENVIRONMENT", "x"), ("DANCECARD_ENVIRONMENT", "test")]), pair("test", "file"));
    assert_eq!(who(&[("DANCECARD_WHO", "variable"), ("WHO", "nobody")]), pair("development", "variable"));
    assert_eq!(who(&[("DANCECARD_ENVIRONMENT", "")]), pair("development", "development"));
}

#[test]
fn toml_says_what_yaml_says() {
    let files = Files::new(&[
        (
            "config.toml",
            "who = 'toml'\n[session]\nengine = 'toy'\nidle = '5m'\n[engines.session.toy]\nprefix = 'x'\n",
        ),
        (
            "config.yml",
            "who: yaml\nsession:\n  engine: toy\n  idle: 5m\nengines:\n  session:\n    toy:\n      prefix: x\n",
        ),
    ]);
    let load =
        |file| Loader::new(files.path().join(file)).with_variables([("A", "b")]).load(&engines()).unwrap();
    let (toml, yaml) = (load("config.toml"), load("config.yml"));
    assert_eq!((name(&toml).as_str(), name(&yaml).as_str()), ("toml", "yaml"));
    assert_eq!(toml.policy(), yaml.policy());
    let bare = |config: &Config| {
        config.to_string().lines().map(|l| l.split('(').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(bare(&toml), bare(&yaml));
}

#[test]
fn the_environment_and_the_prefix_can_be_set() {
    let files = Files::new(&[("config.yml", "who: file\n"), ("environments/stage.yaml", "who: stage\n")]);
    let loader = || {
        Loader::new(files.path().join("config.yml"))
            .with_variables([("DANCECARD_WHO", "a"), ("SHOP_WHO", "b")])
    };
    let config = loader().with_prefix("NONE_").with_environment("stage").load(&engines()).unwrap();
    assert_eq!((config.environment(), name(&config).as_str()), ("stage", "stage"));
    assert_eq!(name(&loader().with_prefix("SHOP_").load(&engines()).unwrap()), "b");
}

#[test]
fn what_can_not_be_read_is_named() {
    let files = Files::new(&[("environments/a.yml", ""), ("environments/a.toml", ""), ("bytes.yml", "")]);
    fs::write(files.path().join("bytes.yml"), b"\xff\xfe\x00").unwrap();
    let fault = |file: &str, environment: &str| {
        let loader = Loader::new(files.path().join(file)).with_variables([("A", "b")]);
        loader.with_environment(environment).load(&engines()).unwrap_err().to_string()
    };
    assert!(fault("none.yml", "x").contains("none.yml: there is no such file"));
    assert!(fault("bytes.yml", "x").contains("bytes.yml: it is not UTF-8"));
    assert!(fault("", "x").contains("it can't be read"), "{}", fault("", "x"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        // Not development by mistake.
        let name = std::ffi::OsString::from_vec(b"produc\xfftion".to_vec());
        let loader = Loader::new(files.path().join("bytes.yml"));
        let error = loader.with_variables([("PLACK_ENV", name)]).load(&engines()).unwrap_err();
        assert!(error.to_string().contains("PLACK_ENV: its value is not UTF-8"), "{error}");
        // What can't be looked at is not taken for absent.
        let other = Files::new(&[("config.yml", ""), ("environments", "no folder")]);
        let error = other.load(&[]).map(drop);
        assert!(error.is_err_and(|error| error.to_string().contains("environments")), "passed over");
    }
    assert!(fault("bytes.yml", "../x").contains("the environment's name must be letters"));
    fs::write(files.path().join("config.yml"), "").unwrap();
    assert!(fault("config.yml", "a").contains("there are two files of one environment"));
}
