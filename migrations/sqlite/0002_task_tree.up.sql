-- A task that is an iteration of a loop has its number, from 0; the others have -1.
ALTER TABLE tasks ADD COLUMN iteration INTEGER NOT NULL DEFAULT -1;
-- A task that waits for a time, for its next attempt, waits for this one; 0 otherwise.
ALTER TABLE tasks ADD COLUMN wake_at_us INTEGER NOT NULL DEFAULT 0;
