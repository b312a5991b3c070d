//! Removing what has expired, a few records at a time, so that nobody waits for it.
//!
//! The server's own index does that too, later by the slack. This is for those who want it sooner.

use dancecard_core::{Result, Timestamp};

use crate::error;
use crate::server::{Effect, Server};

/// How many records a command looks at.
const AT_ONCE: usize = 256;

/// Removes at most `limit` records that are due, and says how many.
pub(crate) async fn purge(server: &Server, now: Timestamp, limit: usize) -> Result<usize> {
    let mut purged = 0;
    while purged < limit {
        let wanted = AT_ONCE.min(limit - purged);
        let (found, removed) = some(server, now, wanted).await?;
        purged += removed;
        if found < wanted {
            break;
        }
    }
    Ok(purged)
}

/// How many were due, and how many of them it removed: others may have been touched, or removed by somebody else.
async fn some(server: &Server, now: Timestamp, limit: usize) -> Result<(usize, usize)> {
    let batch = server.read("purge", server.commands.due(now, limit as i32)).await?;
    let due = batch.doc_slices().map_err(|_| error::unreadable("purge"))?;
    let documents =
        due.into_iter().map_while(std::result::Result::ok).filter_map(|value| value.as_document());
    let keys: Vec<_> = documents.filter_map(|document| document.get("_id").ok().flatten()).collect();
    let found = keys.len();
    if found == 0 {
        return Ok((0, 0));
    }
    let command = server.commands.purge(keys.into_iter(), now);
    Ok((found, server.write("purge", command, Effect::Counted).await?))
}
