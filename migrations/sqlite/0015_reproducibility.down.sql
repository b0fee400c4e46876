DROP INDEX task_attempts_by_setup;
ALTER TABLE task_attempts DROP COLUMN place_sha256;
ALTER TABLE task_attempts DROP COLUMN setup_sha256;
DROP TABLE attempt_places;
DROP TABLE attempt_setups;
