-- What attempts were to run, and where they ran: documents in JSON, each kept once by its SHA-256, compressed. Those of
-- setups that no attempt has any more are removed some time after their last use.
CREATE TABLE attempt_setups (
  setup_sha256 TEXT    NOT NULL PRIMARY KEY,
  size_bytes   INTEGER NOT NULL,
  content      BLOB    NOT NULL,
  used_at_us   INTEGER NOT NULL
);
CREATE TABLE attempt_places (
  place_sha256 TEXT    NOT NULL PRIMARY KEY,
  size_bytes   INTEGER NOT NULL,
  content      BLOB    NOT NULL,
  used_at_us   INTEGER NOT NULL
);
-- Empty: nothing is known, as of attempts before this was recorded.
ALTER TABLE task_attempts ADD COLUMN setup_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE task_attempts ADD COLUMN place_sha256 TEXT NOT NULL DEFAULT '';
CREATE INDEX task_attempts_by_setup ON task_attempts (setup_sha256);
