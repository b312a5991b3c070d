//! What is done to a server and its connections while clients write.

use dancecard_testkit::{Progress, Random};

use crate::{Mode, Proxy};

/// How many writes are settled between two harms.
const EACH: usize = 150;
/// How many there are. Of two thousand writes, enough are left to do after the last that each has its effect.
const HARMS: usize = 12;

/// Cuts connections in the middle of requests and of replies, after at most so many bytes; and every third time does `worse`
/// instead, such as killing the server.
///
/// # Panics
/// When the clients end before all is done to them.
pub async fn harm(proxy: &Proxy, progress: &Progress, most: u64, mut worse: impl AsyncFnMut()) {
    let mut random = Random::new(7);
    for number in 1..=HARMS {
        assert!(progress.reach(number * EACH).await, "the clients are done before the harm is");
        if number % 3 == 0 {
            worse().await;
            continue;
        }
        proxy.set(Mode::cut_by(random.next_u64(), most));
    }
}

/// Cuts a connection somewhere in its next bytes, at most so many on, each time that so many more writes are settled, for as
/// long as there are clients.
pub async fn break_connections(proxy: &Proxy, progress: &Progress, each: usize, most: u64) {
    let mut random = Random::new(7);
    while progress.reach(progress.settled() + each).await {
        proxy.set(Mode::cut_by(random.next_u64(), most));
    }
    proxy.set(Mode::Pass);
}
