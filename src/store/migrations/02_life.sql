-- The life of findings, the latencies of tenants, and what people say of the gate.

-- Of what was resolved before this column, nobody knows more than when it was seen last.
ALTER TABLE findings ADD COLUMN resolved_at INTEGER;
UPDATE findings SET resolved_at = last_seen WHERE state = 'resolved';
DROP INDEX findings_by_state;
CREATE INDEX findings_by_state ON findings (state, resolved_at);

CREATE TABLE overrides (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL
) STRICT;

-- How long visits took: one row for each tenant and period of two hours, packed by latencies.rs. The period comes
-- first, so that a scan writes to rows that stand together and what is too old is one range.
CREATE TABLE latencies (
    period INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    packed BLOB NOT NULL,
    PRIMARY KEY (period, tenant)
) STRICT, WITHOUT ROWID;
