//! From errors to responses.

use dancecard_core::{Error, ErrorKind};

/// The status of a response that reports an error: 503 where trying again can help, 403 where a rule or a hook said no,
/// else 500.
///
/// ```
/// use dancecard_core::{Error, ErrorKind};
/// use dancecard_http::status_of;
///
/// assert_eq!(status_of(&Error::new(ErrorKind::Unavailable, "load")), 503);
/// assert_eq!(status_of(&Error::new(ErrorKind::TooLarge, "commit")), 500);
/// ```
pub fn status_of(error: &Error) -> u16 {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Conflict | ErrorKind::Full => 503,
        ErrorKind::Refused => 403,
        _ => 500,
    }
}
