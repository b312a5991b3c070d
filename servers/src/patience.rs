//! Waiting for what servers do among themselves.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Several servers that find each other and vote take seconds, and more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(20);

/// Asks again and again until the answer is good: nobody tells us when it becomes so.
///
/// # Errors
/// With the last error, or the last unfit answer, when the time is over.
pub(crate) fn until<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(_) if Instant::now() < end => thread::sleep(PAUSE),
            answer => return answer,
        }
    }
}

/// An answer that does not hold this yet.
///
/// # Errors
/// When it does not.
pub(crate) fn has(answer: &str, what: &str) -> io::Result<()> {
    let missing = || io::Error::other(format!("no `{what}` in: {answer}"));
    answer.contains(what).then_some(()).ok_or_else(missing)
}
