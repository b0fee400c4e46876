CREATE TABLE run_requests (
  request_id     TEXT NOT NULL PRIMARY KEY,
  run_id         TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  created_at_us  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX run_requests_by_created_at ON run_requests (created_at_us);
