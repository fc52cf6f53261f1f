-- Operations: what is being made, moved and taken away, and what each of them owns meanwhile.

-- "state" is what the log amounts to, kept beside it for the indices.
CREATE TABLE operations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- Digests of the key that the caller gave and of what it asked.
    idempotency TEXT UNIQUE,
    request TEXT NOT NULL,
    -- What it needs and nobody is shown: password, URL, the answers of those who were asked.
    sealed BLOB NOT NULL
) STRICT;

-- A tenant has one operation at a time, whoever asks for a second one at the same moment.
CREATE UNIQUE INDEX operations_in_flight ON operations (tenant) WHERE state = 'running';
CREATE INDEX operations_by_state ON operations (state, number);
CREATE INDEX operations_by_tenant ON operations (tenant, number);

-- The truth about an operation.
CREATE TABLE operation_events (
    operation INTEGER NOT NULL REFERENCES operations (number) ON DELETE CASCADE,
    event INTEGER NOT NULL,
    at INTEGER NOT NULL,
    happened TEXT NOT NULL,
    step TEXT,
    told TEXT,
    PRIMARY KEY (operation, event)
) STRICT, WITHOUT ROWID;

-- What the provider gave to an operation. It outlives the operation: only what stands here may ever be deleted.
CREATE TABLE projects (
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    operation TEXT NOT NULL,
    tenant TEXT NOT NULL,
    at INTEGER NOT NULL,
    gone_at INTEGER,
    PRIMARY KEY (provider, reference, operation)
) STRICT, WITHOUT ROWID;

-- One holder for each project and each database, whichever of two operations comes first.
CREATE TABLE claims (
    identity TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    tenant TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_by_operation ON claims (operation);

-- Tenants that were found in the database of an operation: their data are not ours to delete.
CREATE TABLE ties (
    operation TEXT NOT NULL,
    tenant TEXT NOT NULL,
    PRIMARY KEY (operation, tenant)
) STRICT, WITHOUT ROWID;

-- Tenants that left, with the row that led to their databases.
CREATE TABLE graves (
    tenant TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
