-- The first shape of the store.
--
-- Times are microseconds since 1970. What the database never searches by stands as JSON text, written by rows.rs.
-- "sealed" marks bytes that are encrypted and bound to their table and row.

PRAGMA application_id = 0x57544754;

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The registry's own tenants.
CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The last good read of each outside source, in parts of bounded size.
CREATE TABLE kept_sources (
    name TEXT PRIMARY KEY,
    read_at INTEGER NOT NULL,
    parts INTEGER NOT NULL
) STRICT;

CREATE TABLE kept_parts (
    source TEXT NOT NULL REFERENCES kept_sources (name) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (source, part)
) STRICT;

-- The identity that each target is expected to show, and the one that it showed last.
CREATE TABLE baselines (
    tenant TEXT NOT NULL,
    target TEXT NOT NULL,
    identity TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (tenant, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE sightings (
    tenant TEXT NOT NULL,
    target TEXT NOT NULL,
    identity TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, target)
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE findings (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    last_seen INTEGER NOT NULL,
    body TEXT NOT NULL,
    acknowledgement TEXT,
    acknowledged_at INTEGER
) STRICT;

CREATE INDEX findings_by_state ON findings (state, last_seen);

-- What each tenant was at its last scan. "entries" counts the history ever written, so that pruning is one range.
CREATE TABLE outcomes (
    tenant TEXT PRIMARY KEY,
    scanned_at INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    last_success INTEGER,
    state TEXT NOT NULL,
    entries INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE history (
    tenant TEXT NOT NULL REFERENCES outcomes (tenant) ON DELETE CASCADE,
    entry INTEGER NOT NULL,
    scan TEXT NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL,
    probe_micros INTEGER,
    PRIMARY KEY (tenant, entry)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused (
    tenant TEXT NOT NULL,
    target TEXT NOT NULL,
    digest TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (tenant, target)
) STRICT, WITHOUT ROWID;

-- In the order of their end: a clock that was set back reorders nothing.
CREATE TABLE scans (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    trigger TEXT NOT NULL,
    partial INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    summary TEXT NOT NULL
) STRICT;

CREATE TABLE reports (
    number INTEGER PRIMARY KEY REFERENCES scans (number) ON DELETE CASCADE,
    bytes INTEGER NOT NULL
) STRICT;

-- A report's text in pieces, so that a large one is never one value in memory.
CREATE TABLE report_parts (
    number INTEGER NOT NULL REFERENCES reports (number) ON DELETE CASCADE,
    part INTEGER NOT NULL,
    json BLOB NOT NULL,
    PRIMARY KEY (number, part)
) STRICT;
