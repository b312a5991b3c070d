-- Step 1 of the schema. It is never edited after a release: a change is a further step in schema.rs.

-- Fifteen in a hundred of each page stay free, so that the next version of a row finds room beside it: as long as it
-- changes no indexed column, no index is written.
CREATE {unlogged}TABLE {table} (
    key        bytea PRIMARY KEY,
    version    bigint NOT NULL,
    expires_at bigint NOT NULL,     -- milliseconds since the Unix epoch; the one in meta may be older
    purge_at   bigint NOT NULL,     -- when a purge looks at the record: not after expires_at, and moved by it alone
    principal  bytea,               -- the first 512 bytes; NULL for nobody, and for the markers of ended sessions
    meta       bytea NOT NULL,      -- the record's facts in the form of the record envelope
    payload    bytea NOT NULL
) WITH (fillfactor = 85);

CREATE INDEX "{name}_purge_at" ON {table} (purge_at);
CREATE INDEX "{name}_principal" ON {table} (principal, key) WHERE principal IS NOT NULL;
