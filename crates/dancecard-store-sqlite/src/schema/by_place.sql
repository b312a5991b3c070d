-- Step 2 of the schema. It is never edited after a release: a change is a further step in schema.rs.

-- What is left to be moved. An older release that has the file open finds no table of its own any more, and says so.
ALTER TABLE session RENAME TO session_1;
DROP INDEX session_expires_at;
DROP INDEX session_principal;

-- How far they are moved. At most one row.
CREATE TABLE session_1_moved (only INTEGER PRIMARY KEY, place INTEGER NOT NULL, row INTEGER NOT NULL) STRICT;

-- A row is found without an index: its number is made from the key (place.rs), and the tree of the table is ordered by it.
CREATE TABLE dancecard_session (
    id         INTEGER PRIMARY KEY,
    key        BLOB NOT NULL,
    version    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,            -- milliseconds since the Unix epoch; the one in meta may be older
    purge_at   INTEGER NOT NULL,            -- when a purge looks at the record: not after expires_at, and moved by it alone
    principal  TEXT,                        -- NULL for nobody, and for the markers of ended sessions
    meta       BLOB NOT NULL,               -- the record's facts in the form of the record envelope
    payload    BLOB NOT NULL                -- last, so that listings never read the pages it overflows to
) STRICT;

CREATE INDEX dancecard_session_purge_at ON dancecard_session (purge_at);
CREATE INDEX dancecard_session_principal ON dancecard_session (principal) WHERE principal IS NOT NULL;

-- Of keys that want the same number, all but one have a number below zero, and are found here. It is empty as a rule.
CREATE UNIQUE INDEX dancecard_session_displaced ON dancecard_session (key) WHERE id < 0;
