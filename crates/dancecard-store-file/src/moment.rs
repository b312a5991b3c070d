//! Moments as people read them: RFC 3339, in UTC, to the millisecond.

use std::fmt;

use dancecard_core::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

const NEVER: &str = "never";
const DAY: i64 = 86_400_000;

/// A moment in a document: `2026-01-01T00:00:00.000Z`, or `never`. What has no such form, and what no person will
/// read, is the number of milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl Moment {
    fn text(self) -> Option<String> {
        if self.0 == Timestamp::MAX {
            return Some(NEVER.to_owned());
        }
        let millis = self.0.as_millis();
        let (year, month, day) = date(millis.div_euclid(DAY))?;
        let rest = millis.rem_euclid(DAY);
        let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
        let milli = rest % 1000;
        Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
    }

    fn parse(text: &str) -> Option<Self> {
        if text == NEVER {
            return Some(Self(Timestamp::MAX));
        }
        let moment = Self(Timestamp::from_millis(millis(text)?));
        let (whole, _) = text.strip_suffix('Z')?.split_at_checked(19)?;
        // The thirtieth of February is none: it would be written otherwise.
        moment.text()?.replace(' ', "T").starts_with(&whole.replace(' ', "T")).then_some(moment)
    }
}

fn millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.strip_suffix('Z')?.split_at_checked(19)?;
    let signs = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let separated = signs.iter().all(|(at, sign)| whole.get(*at..at + 1) == Some(sign));
    let number = |from: usize, to: usize| digits(whole.get(from..to)?);
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let milli = match fraction.strip_prefix('.') {
        Some(digit_text) if (1..=3).contains(&digit_text.len()) => digits(&format!("{digit_text:0<3}"))?,
        None if fraction.is_empty() => 0,
        _ => return None,
    };
    let seconds = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    (separated && matches!(whole.get(10..11), Some("T" | " "))).then(|| days * DAY + seconds * 1000 + milli)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Days since 1970 of a date in the Gregorian calendar. Years are counted from March, so that the day which some of
/// them have more is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970, if its year has four digits.
fn date(day: i64) -> Option<(i64, i64, i64)> {
    let day = day.checked_add(719_468)?;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (0..=9999).contains(&year).then_some((year, month, of_year - (153 * from_march + 2) / 5 + 1))
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        match self.text().filter(|_| output.is_human_readable()) {
            Some(text) => output.serialize_str(&text),
            None => output.serialize_i64(self.0.as_millis()),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ReadMoment)
    }
}

struct ReadMoment;

impl Visitor<'_> for ReadMoment {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment such as 2026-01-01T00:00:00.000Z, or milliseconds since 1970")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        Moment::parse(text).ok_or_else(|| E::custom("not a moment"))
    }

    fn visit_i64<E: Error>(self, millis: i64) -> Result<Moment, E> {
        Ok(Moment(Timestamp::from_millis(millis)))
    }

    fn visit_u64<E: Error>(self, millis: u64) -> Result<Moment, E> {
        i64::try_from(millis).map_err(|_| E::custom("not a moment")).and_then(|millis| self.visit_i64(millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(millis: i64) -> Moment {
        Moment(Timestamp::from_millis(millis))
    }

    #[test]
    fn known_moments_are_spelled_as_everywhere() {
        let known = [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_767_225_600_123, "2026-01-01T00:00:00.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (i64::MAX, "never"),
        ];
        for (millis, text) in known {
            assert_eq!(moment(millis).text().as_deref(), Some(text));
            assert_eq!(Moment::parse(text), Some(moment(millis)));
        }
    }

    #[test]
    fn every_moment_is_read_back() {
        let mut millis: i64 = -70_000_000_000_000;
        while millis < 260_000_000_000_000 {
            let json = serde_json::to_string(&moment(millis)).unwrap();
            assert_eq!(serde_json::from_str::<Moment>(&json).unwrap(), moment(millis), "{json}");
            millis += 33_333_333_337;
        }
        for millis in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            let json = serde_json::to_string(&moment(millis)).unwrap();
            assert_eq!(serde_json::from_str::<Moment>(&json).unwrap(), moment(millis), "{json}");
        }
    }

    #[test]
    fn what_a_person_may_leave_out() {
        for text in ["2026-01-01T00:00:00Z", "2026-01-01 00:00:00Z", "2026-01-01 00:00:00.0Z"] {
            assert_eq!(Moment::parse(text), Some(moment(1_767_225_600_000)), "{text}");
        }
        for text in [
            "",
            "Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234Z",
            "2026-01-01T00:00:00+01:00",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:0\u{661}Z",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
