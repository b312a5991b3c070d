CREATE TABLE IF NOT EXISTS {table} (
    `key`      VARBINARY(1024) NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,         -- milliseconds since the Unix epoch; the one in meta may be older
    principal  VARBINARY(512),          -- the first 512 bytes; NULL for nobody, and for the markers of ended sessions
    meta       MEDIUMBLOB NOT NULL,     -- the record's facts in the form of the record envelope
    payload    LONGBLOB NOT NULL,
    KEY by_expiry (expires_at),
    KEY by_principal (principal, `key`)
) ENGINE = InnoDB, ROW_FORMAT = DYNAMIC, COMMENT = '{mark}'
