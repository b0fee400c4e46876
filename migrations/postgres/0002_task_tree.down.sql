ALTER TABLE tasks DROP COLUMN wake_at_us;
ALTER TABLE tasks DROP COLUMN iteration;
