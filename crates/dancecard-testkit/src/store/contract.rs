//! The sentences of the contract, word for word; a test compares them with the documentation that they come from.

// Of the list in the documentation of `Store`.
pub(super) const ROUND_TRIP: &str =
    "A record that was written is loaded byte for byte, its `Meta` to the millisecond, by any later `load`.";
pub(super) const ABSENT: &str = "`load` of a key that was never written, or was deleted, is `Ok(None)`.";
pub(super) const LIVE: &str = "`load` may return an expired record. It must return every live one.";
pub(super) const CREATE: &str =
    "`WriteMode::Create` on a key that has a record fails with `ErrorKind::Conflict`.";
pub(super) const UPDATE: &str = "`WriteMode::Update` with a version that is not the present one, or on an absent key, \
                                 fails with `ErrorKind::Conflict`.";
pub(super) const NO_RETURN: &str = "A deleted record is never recreated by an update.";
pub(super) const CONFLICT: &str = "A write that fails with `Conflict` changes nothing.";
pub(super) const FRESH: &str = "Every write yields a version that the key never had before, also after it was deleted and created again.";
pub(super) const ATOMIC: &str = "Writes are atomic: a reader sees the old record or the new one.";
pub(super) const REFUSES: &str = "An engine that can't compare and swap says so (`Capabilities::conditional_write`) \
                                  and refuses `Update` with `ErrorKind::Unsupported`; it never treats it as \
                                  `Overwrite`.";
pub(super) const DELETE: &str = "`delete` of an absent key is `Ok(())`.";
pub(super) const TOUCH: &str = "`touch` moves `expires_at` forward only, never creates, never changes the version or \
                                the payload, and returns whether a record was there.";
pub(super) const TOUCH_YIELDS: &str = "(If it changed the version, each read would defeat a writer.)";
pub(super) const REPLACE: &str = "`replace` leaves the old key with `retired` and the new key with `record`, or fails \
                                  with `Conflict` and changes nothing; it is one step where the engine has one.";
pub(super) const LIST: &str =
    "`list` yields each record that lives throughout exactly once, without its payload, and none twice.";
pub(super) const LIST_OF: &str = "With a principal it yields that principal's records and no other.";
pub(super) const PURGE: &str =
    "`purge_expired` removes only records whose `expires_at` is not after `now`, at most `limit` of them.";
pub(super) const ROOM: &str = "A record that the engine can't hold is refused with `ErrorKind::TooLarge` or \
                               `ErrorKind::Full`; nothing else is evicted to make room.";
pub(super) const DROPPED: &str = "A dropped future leaves the old state or the new one, never a mixture.";

// Of the documentation of single items.
pub(super) const OVERWRITE: &str = "Always.";
pub(super) const NAME: &str = "The engine's name, as errors and metrics give it.";
pub(super) const HEALTH: &str = "Asks the engine whether it works, at the cost of one round trip.";
pub(super) const NONE: &str = "It does not have it, and refuses.";
pub(super) const REMOVES: &str = "Removes whatever is under a key.";
pub(super) const COUNTS: &str = "Removes expired records, at most `limit` of them, and returns how many.";
pub(super) const BEGUN: &str = "Dropping the stream ends the work.";
pub(super) const BY_ITSELF: &str = "Whether the engine drops expired records by itself.";
pub(super) const DURABLE: &str = "Whether records survive the end of the process.";
pub(super) const SHARED: &str = "Whether other processes see the same records.";
pub(super) const CLAIMS: &str = "What this engine can do, as it is set up now.";
pub(super) const LARGEST: &str = "The largest payload, in bytes, if there is a limit.";
pub(super) const SILENT: &str = "Neither its `Display` nor its `Debug` holds a session id, a key, a payload or a \
                                 connection string";
pub(super) const AT_ONCE: &str = "What it does must be what `load` and `write` do.";
pub(super) const BYTES: &str = "Engines treat it as bytes.";
