//! How long the server keeps what.

use dancecard_core::{Clock, SystemClock, Timestamp};

use crate::scripts::Arg;

/// What ends later than that from now, a hundred years, is kept for ever: the server's own moments end too.
const LONGEST: i64 = 100 * 365 * 86_400_000;
const MINUTE: i64 = 60_000;

/// How long something that ends at a moment is kept, as of now. All in milliseconds.
///
/// It is counted from this machine's clock and not told as a moment, so the server's clock may be wrong. Other
/// machines that use the record may have clocks that are `slack` behind this one before it is gone too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// From now on; `None` for ever.
    span: Option<i64>,
    /// The minute since 1970 in which it has ended; `None` for never.
    minute: Option<i64>,
    /// What ended before that is gone everywhere.
    since: i64,
}

impl Life {
    pub(crate) fn until(at: Timestamp, slack: i64) -> Self {
        Self::at(SystemClock.now().as_millis(), at.as_millis(), slack)
    }

    fn at(now: i64, end: i64, slack: i64) -> Self {
        let left = end.saturating_sub(now).max(0);
        let is_bounded = left <= LONGEST;
        // What is over already stays for the slack: whoever's clock is behind may need it.
        let minute = now.saturating_add(left).saturating_add(MINUTE - 1).div_euclid(MINUTE);
        Self {
            // The server takes no less than one.
            span: is_bounded.then_some((left + slack).max(1)),
            minute: is_bounded.then_some(minute),
            since: now.saturating_sub(slack),
        }
    }

    pub(crate) fn span(&self) -> Arg<'static> {
        self.span.into()
    }

    /// Its place in an index.
    pub(crate) fn minute(&self) -> Arg<'static> {
        self.minute.map_or(Arg::Bytes(b"inf"), Arg::Number)
    }

    pub(crate) fn since(&self) -> Arg<'static> {
        Arg::Number(self.since)
    }
}

/// The first minute of an index that matters: what ended before it is gone from the server.
pub(crate) fn first_minute(slack: i64) -> i64 {
    SystemClock.now().as_millis().saturating_sub(slack).div_euclid(MINUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000;

    #[test]
    fn nothing_goes_before_its_end_and_the_slack() {
        let life = Life::at(NOW, NOW + 3_600_001, 60_000);
        assert_eq!((life.span, life.minute), (Some(3_660_001), Some((NOW + 3_660_000) / 60_000)));
        let whole = Life::at(NOW, NOW + 60_000, 0);
        assert_eq!((whole.span, whole.minute), (Some(60_000), Some(NOW / 60_000 + 1)));
    }

    #[test]
    fn what_is_over_stays_for_the_slack() {
        for end in [NOW, NOW - 1, 0, i64::MIN] {
            let life = Life::at(NOW, end, 60_000);
            assert_eq!((life.span, life.minute), (Some(60_000), Some(NOW / 60_000)), "{end}");
        }
    }

    #[test]
    fn what_has_no_end_is_kept_for_ever() {
        for end in [i64::MAX, NOW + LONGEST + 1] {
            let life = Life::at(NOW, end, 60_000);
            assert_eq!((life.span, life.minute), (None, None));
        }
    }
}
