-- Since when every look says that the database is gone, in microseconds; NULL where the last word was another.
ALTER TABLE graves ADD COLUMN gone_since INTEGER;
