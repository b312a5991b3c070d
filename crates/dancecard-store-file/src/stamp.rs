//! The time of a file says when its session expires.
//!
//! A touch then changes neither the file's bytes, nor their version, and a purge tells most of the living by their times
//! alone. The document says the expiry too, as it was written, and the later of the two counts: whatever an editor or a
//! copy does to the time of a file, it never ends a session before the moment that stands in it, nor later than that
//! copy was made.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dancecard_core::Timestamp;

/// In the year 2242. File systems keep at least that much; later moments can't be told apart by them.
const FOREVER: Duration = Duration::from_secs(1 << 33);

/// The time of a file that says nothing: the document alone counts.
const NOTHING: SystemTime = UNIX_EPOCH;

/// The time of a new file.
pub(crate) fn written(expires_at: Timestamp) -> SystemTime {
    match exact(expires_at) {
        Some(time) => time,
        None if expires_at == Timestamp::MAX => UNIX_EPOCH + FOREVER,
        None => NOTHING,
    }
}

/// The time of a file that was touched. A moment that no file system knows is as good as none; one that is over is
/// nothing.
pub(crate) fn touched(expires_at: Timestamp) -> SystemTime {
    let far = UNIX_EPOCH + FOREVER;
    exact(expires_at).unwrap_or(if expires_at.as_millis() > 0 { far } else { NOTHING })
}

fn exact(at: Timestamp) -> Option<SystemTime> {
    let since = Duration::from_millis(u64::try_from(at.as_millis()).ok()?);
    (since < FOREVER).then(|| UNIX_EPOCH + since)
}

/// The moment that the time of a file stands for.
pub(crate) fn moment(modified: SystemTime) -> Timestamp {
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    match i64::try_from(since.as_millis()) {
        _ if since >= FOREVER => Timestamp::MAX,
        Ok(0) | Err(_) => Timestamp::from_millis(i64::MIN),
        Ok(millis) => Timestamp::from_millis(millis),
    }
}

/// A time that a file system must be able to keep.
pub(crate) fn probe() -> SystemTime {
    UNIX_EPOCH + FOREVER - Duration::from_millis(877)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// What counts after a file was written so.
    fn expiry(written_at: Timestamp) -> Timestamp {
        written_at.max(moment(written(written_at)))
    }

    #[test]
    fn every_expiry_is_as_it_was_written() {
        let forever = FOREVER.as_millis() as i64;
        for millis in
            [i64::MIN, -1, 0, 1, 1_767_225_600_123, forever - 1, forever, forever + 1, i64::MAX - 1, i64::MAX]
        {
            assert_eq!(expiry(at(millis)), at(millis));
        }
    }

    #[test]
    fn touches_are_exact_until_2242_and_then_for_ever() {
        let forever = FOREVER.as_millis() as i64;
        for (touch, result) in [(1, 1), (forever - 1, forever - 1), (forever, i64::MAX), (i64::MAX, i64::MAX)]
        {
            assert_eq!(moment(touched(at(touch))), at(result));
        }
        for nothing in [i64::MIN, -1, 0] {
            assert_eq!(moment(touched(at(nothing))), at(i64::MIN));
        }
        assert_eq!(moment(probe()), at(forever - 877));
    }
}
