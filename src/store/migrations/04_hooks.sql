-- What receivers of events were told and are still to be told, and what GitHub delivered to us.

-- The last word on each finding, by receiver.
CREATE TABLE told (
    receiver TEXT NOT NULL,
    finding TEXT NOT NULL,
    acknowledged INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (receiver, finding)
) STRICT, WITHOUT ROWID;

-- What is to be sent. The body is what is signed, so it stands as it was made.
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    receiver TEXT NOT NULL,
    finding TEXT NOT NULL,
    id TEXT NOT NULL,
    happening TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_finding ON events (receiver, finding, number);
CREATE INDEX events_by_due ON events (receiver, due, number);

-- By the digest of the body. What it asks is kept until it is answered.
CREATE TABLE deliveries (
    digest TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    asked TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_by_time ON deliveries (at);
CREATE INDEX deliveries_unanswered ON deliveries (at) WHERE asked IS NOT NULL;
