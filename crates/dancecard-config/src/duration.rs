//! Lengths of time as people write them.
//!
//! The grammar is that of the Dancer frameworks: a plain number is seconds; `h:mm` and `h:mm:ss`; and numbers with units,
//! joined by blanks, commas or `and`. What can't be understood is an error here.

use std::time::Duration;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
/// A hundred years: more is a mistake.
const LONGEST: f64 = 100.0 * 365.0 * DAY;

const RULE: &str =
    "is no length of time: write `90`, `15m`, `1:30`, `1h 30m`, `1.5 hours` or `2 weeks and 3 days`";
const NEGATIVE: &str = "must not be negative";
const TOO_LONG: &str = "is longer than a hundred years";

/// Reads a length of time, rounded to whole seconds.
///
/// Units are seconds (`s`, `sec`, `secs`, `second`, `seconds`), minutes (`m`, `min`, `mins`, …), hours (`h`, `hr`, …), days
/// (`d`), weeks (`w`), months (`M`, 30 days) and years (`y`, 365 days). A unit of one letter is taken exactly: `m` is minutes
/// and `M` is months; longer ones in any case. These are the rules of Dancer, but that nothing is no length of time, and what
/// can't be understood is an error.
///
/// # Errors
/// A sentence that says what is allowed, without the text.
///
/// ```
/// use dancecard_config::parse_duration;
/// use std::time::Duration;
///
/// assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_secs(5400)));
/// assert_eq!(parse_duration("2 weeks and 3 days"), Ok(Duration::from_secs(17 * 86_400)));
/// assert!(parse_duration("1 fortnight").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    let seconds = plain(text).or_else(|| sum(&expand(text))).ok_or(RULE)?.round_ties_even();
    match seconds {
        seconds if seconds < 0.0 => Err(NEGATIVE),
        seconds if seconds > LONGEST => Err(TOO_LONG),
        seconds => Ok(Duration::from_secs_f64(seconds)),
    }
}

fn plain(text: &str) -> Option<f64> {
    let (value, rest) = number(text)?;
    rest.is_empty().then_some(value)
}

/// A number at the beginning of the text, and what follows. Each can have a sign, right before it.
fn number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let whole = digits(unsigned);
    let after = &unsigned[whole..];
    let fraction = after.strip_prefix(['.', ',']).map_or(0, digits);
    let length = text.len() - after.len() + if fraction > 0 { fraction + 1 } else { 0 };
    if whole == 0 {
        return None;
    }
    let value = text[..length].replace(',', ".").parse().ok()?;
    Some((value, &text[length..]))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The text with `h:mm` and `h:mm:ss` written with units, where they stand apart from letters.
fn expand(text: &str) -> String {
    let is_clock = |c: char| c.is_ascii_digit() || c == ':';
    let mut words = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(start) = rest.find(is_clock) {
        let end = rest[start..].find(|c| !is_clock(c)).map_or(rest.len(), |length| start + length);
        words += &rest[..start];
        let is_apart = !words.ends_with(is_word) && !rest[end..].starts_with(is_word);
        let written = clock(&rest[start..end]).filter(|_| is_apart);
        words += written.as_deref().unwrap_or(&rest[start..end]);
        rest = &rest[end..];
    }
    words + rest
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn clock(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let whole = parts.iter().all(|part| !part.is_empty()) && parts[1..].iter().all(|part| part.len() == 2);
    match parts.as_slice() {
        [hours, minutes] if whole => Some(format!("{hours}h {minutes}m")),
        [hours, minutes, seconds] if whole => Some(format!("{hours}h {minutes}m {seconds}s")),
        _ => None,
    }
}

fn sum(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    let mut terms = 0;
    while !rest.is_empty() {
        let (amount, after) = number(rest)?;
        let after = after.trim_start();
        let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        total += amount * unit(&after[..length])?;
        rest = joined(after[length..].trim_start());
        terms += 1;
    }
    (terms > 0).then_some(total)
}

/// What follows the commas and `and`s at the beginning.
fn joined(mut text: &str) -> &str {
    while let Some(rest) = text.strip_prefix(',').or_else(|| without_and(text)) {
        text = rest.trim_start();
    }
    text
}

fn without_and(text: &str) -> Option<&str> {
    let (word, rest) = text.split_at_checked(3)?;
    word.eq_ignore_ascii_case("and").then_some(rest)
}

/// Seconds in a unit.
fn unit(name: &str) -> Option<f64> {
    let name = if name.len() == 1 { name.to_owned() } else { name.to_ascii_lowercase() };
    Some(match name.as_str() {
        "s" | "second" | "seconds" | "sec" | "secs" => 1.0,
        "m" | "minute" | "minutes" | "min" | "mins" => MINUTE,
        "h" | "hr" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7.0 * DAY,
        "M" | "month" | "months" => 30.0 * DAY,
        "y" | "year" | "years" => 365.0 * DAY,
        _ => return None,
    })
}

/// A length of time that [`parse_duration`] reads again.
pub(crate) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let words: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(text: &str) -> Option<u64> {
        parse_duration(text).ok().map(|duration| duration.as_secs())
    }

    #[test]
    fn what_people_write_is_understood() {
        let cases = [
            ("3600", 3600),
            ("1 hour", 3600),
            ("+2h", 7200),
            ("1h 30m", 5400),
            ("1h30m", 5400),
            ("1.5 hours", 5400),
            ("1,5 hours", 5400),
            ("1:30", 5400),
            ("1:30:10", 5410),
            ("2 weeks and 3 days", 17 * 86_400),
            ("1d, and 2 mins", 86_520),
            ("1 M", 30 * 86_400),
            ("1 m", 60),
            ("3 MINUTES", 180),
            ("1 Month", 30 * 86_400),
            ("1y", 365 * 86_400),
            ("1h -30m", 1800),
            ("1h +30m", 5400),
            ("-0.2", 0),
            ("0", 0),
            ("0.5", 0),
            ("1.5", 2),
            ("2.5s", 2),
            ("1 day 1:30", 86_400 + 5400),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "",
            " ",
            "garbage",
            "1 fortnight",
            "1 D",
            "h",
            "1h garbage",
            "1:3",
            "1:30:1",
            "1::30",
            ".5",
            "1e3",
            "∞",
            "+ 2h",
            "1h1:30",
        ] {
            assert_eq!(parse_duration(text), Err(RULE), "{text}");
        }
        for text in ["-1d", "-5", "1h -2h"] {
            assert_eq!(parse_duration(text), Err(NEGATIVE), "{text}");
        }
        assert_eq!(parse_duration("101 years"), Err(TOO_LONG));
        assert_eq!(parse_duration(&"9".repeat(400)), Err(TOO_LONG));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(seconds in 0_u64..3_000_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&shown(duration)), Ok(duration));
        }

        #[test]
        fn no_text_is_too_much(text in "\\PC{0,40}") {
            let _ = parse_duration(&text);
        }
    }
}
