//! Lengths of time, as the Dancer frameworks understand them: `fixtures/durations.pl` asked both.

use std::time::Duration;

use dancecard_config::parse_duration;

use crate::toy::{fault, load};

const TABLE: &str = include_str!("../fixtures/durations.tsv");

#[test]
fn lengths_of_time_are_what_dancer_takes_them_for() {
    let mut understood = 0;
    for line in TABLE.lines() {
        let (text, seconds) = line.rsplit_once('\t').unwrap();
        let (text, ours) = (text.replace("\\t", "\t"), parse_duration(&text.replace("\\t", "\t")));
        match seconds.parse::<i64>() {
            // Here it is nothing, there it is no time at all.
            _ if text.trim().is_empty() => assert!(ours.is_err(), "<{text}>"),
            Ok(seconds) if seconds < 0 => assert_eq!(ours, Err("must not be negative"), "<{text}>"),
            Ok(seconds) => assert_eq!(ours, Ok(Duration::from_secs(seconds.unsigned_abs())), "<{text}>"),
            Err(_) => assert!(ours.is_err_and(|rule| rule.starts_with("is no length of time")), "<{text}>"),
        }
        understood += usize::from(ours.is_ok());
    }
    assert!(understood > 100, "{understood} of the table are lengths of time");
}

#[test]
fn a_length_of_time_is_read_the_same_in_a_file() {
    for line in TABLE.lines() {
        let (text, seconds) = line.rsplit_once('\t').unwrap();
        let file = format!("session:\n  absolute: never\n  idle: '{}'\n", text.replace("\\t", " "));
        match seconds.parse::<u64>() {
            Ok(seconds) if seconds > 0 => {
                let lifetime = dancecard_core::Lifetime::idle(Duration::from_secs(seconds));
                let expected = dancecard_core::Policy::default().with_lifetime(lifetime);
                assert_eq!(load(&file).unwrap().policy(), expected, "<{text}>");
            }
            // These are words for it, which only we have.
            _ if text == "never" => assert!(fault(&file).contains("needs an idle or an absolute limit")),
            _ => assert!(
                fault(&file).starts_with("config.yml:3: session.idle: "),
                "<{text}>: {}",
                fault(&file)
            ),
        }
    }
}
