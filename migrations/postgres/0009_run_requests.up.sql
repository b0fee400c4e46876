CREATE TABLE run_requests (
  request_id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  run_id         TEXT COLLATE "C" NOT NULL,
  request_sha256 TEXT COLLATE "C" NOT NULL,
  created_at_us  BIGINT NOT NULL
);

CREATE INDEX run_requests_by_created_at ON run_requests (created_at_us);
