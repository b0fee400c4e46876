-- The first schema. Times are microseconds since 1970 UTC, 0 where a time is not set yet. States are KFP's names.
-- Text is ordered by its bytes, as in SQLite, whatever the database's own collation. Rows that change all the time have
-- room beside them, so that a change moves nothing and touches no index.

CREATE TABLE settings (
  name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  value BYTEA            NOT NULL
);

-- Exact sizes of what lists call total_size, kept in the transaction that changes them.
CREATE TABLE counters (
  name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  value BIGINT           NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE experiments (
  experiment_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  namespace              TEXT COLLATE "C" NOT NULL,
  name                   TEXT COLLATE "C" NOT NULL,
  description            TEXT COLLATE "C" NOT NULL,
  storage_state          TEXT COLLATE "C" NOT NULL CHECK (storage_state IN ('AVAILABLE', 'ARCHIVED')),
  created_at_us          BIGINT           NOT NULL,
  last_run_created_at_us BIGINT           NOT NULL,
  UNIQUE (namespace, name)
);
CREATE INDEX experiments_by_created_at ON experiments (created_at_us, experiment_id);
CREATE INDEX experiments_by_name ON experiments (name, experiment_id);
CREATE INDEX experiments_by_last_run ON experiments (last_run_created_at_us, experiment_id);

CREATE TABLE pipelines (
  pipeline_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  namespace     TEXT COLLATE "C" NOT NULL,
  name          TEXT COLLATE "C" NOT NULL,
  display_name  TEXT COLLATE "C" NOT NULL,
  description   TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT           NOT NULL,
  UNIQUE (namespace, name)
);
CREATE INDEX pipelines_by_created_at ON pipelines (created_at_us, pipeline_id);
CREATE INDEX pipelines_by_name ON pipelines (name, pipeline_id);
CREATE INDEX pipelines_by_display_name ON pipelines (display_name, pipeline_id);

-- Compiled pipelines by content: a million runs of one pipeline hold one copy.
CREATE TABLE specs (
  spec_sha256 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  size_bytes  BIGINT           NOT NULL,
  content     BYTEA            NOT NULL
);

CREATE TABLE pipeline_versions (
  pipeline_version_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  pipeline_id         TEXT COLLATE "C" NOT NULL REFERENCES pipelines (pipeline_id) ON DELETE CASCADE,
  name                TEXT COLLATE "C" NOT NULL,
  display_name        TEXT COLLATE "C" NOT NULL,
  description         TEXT COLLATE "C" NOT NULL,
  package_url         TEXT COLLATE "C" NOT NULL,
  code_source_url     TEXT COLLATE "C" NOT NULL,
  spec_sha256         TEXT COLLATE "C" NOT NULL REFERENCES specs (spec_sha256),
  created_at_us       BIGINT           NOT NULL,
  UNIQUE (pipeline_id, name)
);
CREATE INDEX pipeline_versions_by_created_at ON pipeline_versions (pipeline_id, created_at_us, pipeline_version_id);
CREATE INDEX pipeline_versions_by_display_name ON pipeline_versions (pipeline_id, display_name, pipeline_version_id);
CREATE INDEX pipeline_versions_by_spec ON pipeline_versions (spec_sha256);

-- Tags of pipelines and versions; the owner is a pipeline id or a version id.
CREATE TABLE tags (
  owner_id TEXT COLLATE "C" NOT NULL,
  name     TEXT COLLATE "C" NOT NULL,
  value    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (owner_id, name)
);
CREATE INDEX tags_by_value ON tags (name, value, owner_id);

-- Only what lists show, filter and sort. Wide things are in run_configs and the task tables.
CREATE TABLE runs (
  run_id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  experiment_id       TEXT COLLATE "C" NOT NULL,
  namespace           TEXT COLLATE "C" NOT NULL,
  display_name        TEXT COLLATE "C" NOT NULL,
  description         TEXT COLLATE "C" NOT NULL,
  storage_state       TEXT COLLATE "C" NOT NULL CHECK (storage_state IN ('AVAILABLE', 'ARCHIVED')),
  state               TEXT COLLATE "C" NOT NULL
                      CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELING', 'CANCELED')),
  service_account     TEXT COLLATE "C" NOT NULL,
  pipeline_id         TEXT COLLATE "C" NOT NULL,
  pipeline_version_id TEXT COLLATE "C" NOT NULL,
  recurring_run_id    TEXT COLLATE "C" NOT NULL,
  created_at_us       BIGINT           NOT NULL,
  scheduled_at_us     BIGINT           NOT NULL,
  finished_at_us      BIGINT           NOT NULL
);
CREATE INDEX runs_by_created_at ON runs (created_at_us, run_id);
CREATE INDEX runs_by_experiment ON runs (experiment_id, created_at_us, run_id);
CREATE INDEX runs_by_display_name ON runs (display_name, run_id);
CREATE INDEX runs_by_state ON runs (state, created_at_us, run_id);

CREATE TABLE run_configs (
  run_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES runs (run_id) ON DELETE CASCADE,
  spec_sha256   TEXT COLLATE "C" NOT NULL REFERENCES specs (spec_sha256),
  parameters    TEXT COLLATE "C" NOT NULL,
  pipeline_root TEXT COLLATE "C" NOT NULL
);
CREATE INDEX run_configs_by_spec ON run_configs (spec_sha256);

CREATE TABLE run_states (
  run_id        TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  sequence      BIGINT           NOT NULL,
  state         TEXT COLLATE "C" NOT NULL,
  updated_at_us BIGINT           NOT NULL,
  error_code    BIGINT           NOT NULL,
  error_message TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (run_id, sequence)
);

CREATE TABLE tasks (
  run_id         TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id        TEXT COLLATE "C" NOT NULL,
  parent_task_id TEXT COLLATE "C" NOT NULL,
  name           TEXT COLLATE "C" NOT NULL,
  display_name   TEXT COLLATE "C" NOT NULL,
  state          TEXT COLLATE "C" NOT NULL CHECK (state IN
                   ('PENDING', 'RUNNING', 'SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELING', 'CANCELED')),
  wait_reason    TEXT COLLATE "C" NOT NULL,
  error_code     BIGINT           NOT NULL,
  error_message  TEXT COLLATE "C" NOT NULL,
  created_at_us  BIGINT           NOT NULL,
  started_at_us  BIGINT           NOT NULL,
  finished_at_us BIGINT           NOT NULL,
  PRIMARY KEY (run_id, task_id)
);

CREATE TABLE task_states (
  run_id        TEXT COLLATE "C" NOT NULL,
  task_id       TEXT COLLATE "C" NOT NULL,
  sequence      BIGINT           NOT NULL,
  state         TEXT COLLATE "C" NOT NULL,
  updated_at_us BIGINT           NOT NULL,
  PRIMARY KEY (run_id, task_id, sequence),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);

-- One row for each start of a task, committed before its process is made.
CREATE TABLE task_attempts (
  run_id         TEXT COLLATE "C" NOT NULL,
  task_id        TEXT COLLATE "C" NOT NULL,
  number         BIGINT           NOT NULL,
  attempt_id     TEXT COLLATE "C" NOT NULL,
  outcome        TEXT COLLATE "C" NOT NULL
                 CHECK (outcome IN ('', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELED', 'LOST')),
  exit_code      BIGINT,
  signal         BIGINT,
  message        TEXT COLLATE "C" NOT NULL,
  log_tail       TEXT COLLATE "C" NOT NULL,
  log_path       TEXT COLLATE "C" NOT NULL,
  cpu_time_us    BIGINT           NOT NULL,
  max_rss_bytes  BIGINT           NOT NULL,
  created_at_us  BIGINT           NOT NULL,
  started_at_us  BIGINT           NOT NULL,
  finished_at_us BIGINT           NOT NULL,
  PRIMARY KEY (run_id, task_id, number),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);

CREATE TABLE task_parameters (
  run_id    TEXT COLLATE "C" NOT NULL,
  task_id   TEXT COLLATE "C" NOT NULL,
  direction TEXT COLLATE "C" NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name      TEXT COLLATE "C" NOT NULL,
  value     TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (run_id, task_id, direction, name),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);

CREATE TABLE artifacts (
  artifact_id    BIGINT           NOT NULL PRIMARY KEY,
  run_id         TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name           TEXT COLLATE "C" NOT NULL,
  schema_title   TEXT COLLATE "C" NOT NULL,
  schema_version TEXT COLLATE "C" NOT NULL,
  uri            TEXT COLLATE "C" NOT NULL,
  custom_path    TEXT COLLATE "C" NOT NULL,
  metadata       TEXT COLLATE "C" NOT NULL,
  created_at_us  BIGINT           NOT NULL
);
CREATE INDEX artifacts_by_run ON artifacts (run_id);

CREATE TABLE artifact_tasks (
  run_id      TEXT COLLATE "C" NOT NULL,
  task_id     TEXT COLLATE "C" NOT NULL,
  direction   TEXT COLLATE "C" NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name        TEXT COLLATE "C" NOT NULL,
  position    BIGINT           NOT NULL,
  artifact_id BIGINT           NOT NULL REFERENCES artifacts (artifact_id) ON DELETE CASCADE,
  PRIMARY KEY (run_id, task_id, direction, name, position),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);
CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks (artifact_id);

-- Who drives the unfinished runs: one holder at a time, fenced by a number that only grows.
CREATE TABLE leases (
  name          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  holder        TEXT COLLATE "C" NOT NULL,
  fence         BIGINT           NOT NULL,
  expires_at_us BIGINT           NOT NULL
) WITH (fillfactor = 50);
