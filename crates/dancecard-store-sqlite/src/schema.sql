-- Step 1 of the schema. It is never edited after a release: a change is a further step in schema.rs.

-- A table with a rowid, because a row of 1 KiB does not fit into the B-tree that a table without one is kept in:
-- measured, that costs three times the space and three times the processor time per read.
CREATE TABLE session (
    key        BLOB PRIMARY KEY NOT NULL,
    version    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,            -- milliseconds since the Unix epoch; the one in meta may be older
    principal  TEXT,                        -- NULL for nobody, and for the markers of ended sessions
    meta       BLOB NOT NULL,               -- the record's facts in the form of the record envelope
    payload    BLOB NOT NULL                -- last, so that listings never read the pages it overflows to
) STRICT;

CREATE INDEX session_expires_at ON session (expires_at);
CREATE INDEX session_principal ON session (principal, key) WHERE principal IS NOT NULL;

-- The lowest version that was never handed out. One row.
CREATE TABLE version_counter (next INTEGER NOT NULL) STRICT;
INSERT INTO version_counter (next) VALUES (1);
