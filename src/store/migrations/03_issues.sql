-- The ledger of issues: what was filed about each subject, and what it was told last.

-- A subject may have several rows, of which the last one counts: an issue that came too late to be opened again is
-- followed by a new one.
CREATE TABLE issues (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    repository TEXT NOT NULL,
    issue INTEGER,
    url TEXT,
    standing TEXT NOT NULL,
    since INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX issues_by_subject ON issues (subject, number);
CREATE INDEX issues_by_standing ON issues (standing, since);

-- When content was written, within GitHub's hour, so that a restart does not begin it anew.
CREATE TABLE issue_writes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL
) STRICT;
