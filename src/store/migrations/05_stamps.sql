-- The stamps of tenants' databases: the text that was written last, and the one that is on its way there. None of them
-- is a secret: every role of the database can read them.
CREATE TABLE stamps (
    tenant TEXT NOT NULL,
    target TEXT NOT NULL,
    current TEXT,
    next TEXT,
    PRIMARY KEY (tenant, target)
) STRICT, WITHOUT ROWID;
