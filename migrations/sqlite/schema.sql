CREATE TABLE artifact_tasks (
  run_id      TEXT    NOT NULL,
  task_id     TEXT    NOT NULL,
  direction   TEXT    NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name        TEXT    NOT NULL,
  position    INTEGER NOT NULL,
  artifact_id INTEGER NOT NULL REFERENCES artifacts (artifact_id) ON DELETE CASCADE,
  PRIMARY KEY (run_id, task_id, direction, name, position),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks (artifact_id);

CREATE TABLE artifacts (
  artifact_id    INTEGER NOT NULL PRIMARY KEY,
  run_id         TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name           TEXT    NOT NULL,
  schema_title   TEXT    NOT NULL,
  schema_version TEXT    NOT NULL,
  uri            TEXT    NOT NULL,
  custom_path    TEXT    NOT NULL,
  metadata       TEXT    NOT NULL,
  created_at_us  INTEGER NOT NULL
, content_sha256 TEXT NOT NULL DEFAULT '', content_stat TEXT NOT NULL DEFAULT '', import_key TEXT NOT NULL DEFAULT '');

CREATE INDEX artifacts_by_import ON artifacts (import_key, artifact_id) WHERE import_key <> '';

CREATE INDEX artifacts_by_run ON artifacts (run_id);

CREATE TABLE cache_entries (
  namespace         TEXT    NOT NULL,
  fingerprint       TEXT    NOT NULL,
  cache_group       TEXT    NOT NULL,
  run_id            TEXT    NOT NULL,
  task_id           TEXT    NOT NULL,
  fields            TEXT    NOT NULL,
  output_parameters INTEGER NOT NULL,
  output_artifacts  INTEGER NOT NULL,
  created_at_us     INTEGER NOT NULL,
  PRIMARY KEY (namespace, fingerprint),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX cache_entries_by_group ON cache_entries (namespace, cache_group, created_at_us);

CREATE INDEX cache_entries_by_task ON cache_entries (run_id, task_id);

CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE experiments (
  experiment_id          TEXT    NOT NULL PRIMARY KEY,
  namespace              TEXT    NOT NULL,
  name                   TEXT    NOT NULL,
  description            TEXT    NOT NULL,
  storage_state          TEXT    NOT NULL CHECK (storage_state IN ('AVAILABLE', 'ARCHIVED')),
  created_at_us          INTEGER NOT NULL,
  last_run_created_at_us INTEGER NOT NULL,
  UNIQUE (namespace, name)
);

CREATE INDEX experiments_by_created_at ON experiments (created_at_us, experiment_id);

CREATE INDEX experiments_by_description ON experiments (substr(description, 1, 128), experiment_id);

CREATE INDEX experiments_by_last_run ON experiments (last_run_created_at_us, experiment_id);

CREATE INDEX experiments_by_name ON experiments (name, experiment_id);

CREATE INDEX experiments_by_namespace ON experiments (namespace, experiment_id);

CREATE INDEX experiments_by_storage_state ON experiments (storage_state, experiment_id);

CREATE TABLE leases (
  name          TEXT    NOT NULL PRIMARY KEY,
  holder        TEXT    NOT NULL,
  fence         INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE pipeline_versions (
  pipeline_version_id TEXT    NOT NULL PRIMARY KEY,
  pipeline_id         TEXT    NOT NULL REFERENCES pipelines (pipeline_id) ON DELETE CASCADE,
  name                TEXT    NOT NULL,
  display_name        TEXT    NOT NULL,
  description         TEXT    NOT NULL,
  package_url         TEXT    NOT NULL,
  code_source_url     TEXT    NOT NULL,
  spec_sha256         TEXT    NOT NULL REFERENCES specs (spec_sha256),
  created_at_us       INTEGER NOT NULL,
  UNIQUE (pipeline_id, name)
);

CREATE INDEX pipeline_versions_by_created_at ON pipeline_versions (pipeline_id, created_at_us, pipeline_version_id);

CREATE INDEX pipeline_versions_by_description
  ON pipeline_versions (pipeline_id, substr(description, 1, 128), pipeline_version_id);

CREATE INDEX pipeline_versions_by_display_name ON pipeline_versions (pipeline_id, display_name, pipeline_version_id);

CREATE INDEX pipeline_versions_by_id ON pipeline_versions (pipeline_id, pipeline_version_id);

CREATE INDEX pipeline_versions_by_name ON pipeline_versions (pipeline_id, name, pipeline_version_id);

CREATE INDEX pipeline_versions_by_spec ON pipeline_versions (spec_sha256);

CREATE TABLE pipelines (
  pipeline_id   TEXT    NOT NULL PRIMARY KEY,
  namespace     TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  display_name  TEXT    NOT NULL,
  description   TEXT    NOT NULL,
  created_at_us INTEGER NOT NULL,
  UNIQUE (namespace, name)
);

CREATE INDEX pipelines_by_created_at ON pipelines (created_at_us, pipeline_id);

CREATE INDEX pipelines_by_description ON pipelines (substr(description, 1, 128), pipeline_id);

CREATE INDEX pipelines_by_display_name ON pipelines (display_name, pipeline_id);

CREATE INDEX pipelines_by_name ON pipelines (name, pipeline_id);

CREATE INDEX pipelines_by_namespace ON pipelines (namespace, pipeline_id);

CREATE TABLE recurring_runs (
  recurring_run_id    TEXT    NOT NULL PRIMARY KEY,
  experiment_id       TEXT    NOT NULL,
  namespace           TEXT    NOT NULL,
  display_name        TEXT    NOT NULL,
  description         TEXT    NOT NULL,
  run_name            TEXT    NOT NULL,
  service_account     TEXT    NOT NULL,
  pipeline_id         TEXT    NOT NULL,
  pipeline_version_id TEXT    NOT NULL,
  spec_sha256         TEXT    REFERENCES specs (spec_sha256),
  pipeline_root       TEXT    NOT NULL,
  max_concurrency     INTEGER NOT NULL,
  no_catchup          INTEGER NOT NULL,
  enabled             INTEGER NOT NULL,
  trigger_kind        TEXT    NOT NULL CHECK (trigger_kind IN ('ONCE', 'CRON', 'INTERVAL')),
  cron                TEXT    NOT NULL,
  interval_seconds    INTEGER NOT NULL,
  start_at_us         INTEGER,
  end_at_us           INTEGER,
  time_zone           TEXT    NOT NULL,
  created_at_us       INTEGER NOT NULL,
  updated_at_us       INTEGER NOT NULL,
  next_due_at_us      INTEGER,
  wake_at_us          INTEGER,
  run_count           INTEGER NOT NULL,
  revision            INTEGER NOT NULL,
  error_code          INTEGER NOT NULL,
  error_message       TEXT    NOT NULL,
  parameters          TEXT    NOT NULL
, plugins_input TEXT NOT NULL DEFAULT '', cache_enabled INTEGER NOT NULL DEFAULT 1, cache_max_age_us INTEGER NOT NULL DEFAULT 0, enabled_at_us INTEGER NOT NULL DEFAULT 0);

CREATE INDEX recurring_runs_by_created_at ON recurring_runs (created_at_us, recurring_run_id);

CREATE INDEX recurring_runs_by_description ON recurring_runs (substr(description, 1, 128), recurring_run_id);

CREATE INDEX recurring_runs_by_display_name ON recurring_runs (display_name, recurring_run_id);

CREATE INDEX recurring_runs_by_experiment ON recurring_runs (experiment_id, created_at_us, recurring_run_id);

CREATE INDEX recurring_runs_by_experiment_description
  ON recurring_runs (experiment_id, substr(description, 1, 128), recurring_run_id);

CREATE INDEX recurring_runs_by_experiment_display_name
  ON recurring_runs (experiment_id, display_name, recurring_run_id);

CREATE INDEX recurring_runs_by_experiment_id ON recurring_runs (experiment_id, recurring_run_id);

CREATE INDEX recurring_runs_by_experiment_updated_at ON recurring_runs (experiment_id, updated_at_us, recurring_run_id);

CREATE INDEX recurring_runs_by_spec ON recurring_runs (spec_sha256);

CREATE INDEX recurring_runs_by_updated_at ON recurring_runs (updated_at_us, recurring_run_id);

CREATE INDEX recurring_runs_due ON recurring_runs (wake_at_us, recurring_run_id) WHERE wake_at_us IS NOT NULL;

CREATE TABLE run_configs (
  run_id        TEXT NOT NULL PRIMARY KEY REFERENCES runs (run_id) ON DELETE CASCADE,
  spec_sha256   TEXT NOT NULL REFERENCES specs (spec_sha256),
  parameters    TEXT NOT NULL,
  pipeline_root TEXT NOT NULL
, plugins_input TEXT NOT NULL DEFAULT '', cache_enabled INTEGER NOT NULL DEFAULT 1, cache_max_age_us INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

CREATE INDEX run_configs_by_spec ON run_configs (spec_sha256);

CREATE TABLE run_counts (
  scope         TEXT    NOT NULL,
  storage_state TEXT    NOT NULL,
  state         TEXT    NOT NULL,
  runs          INTEGER NOT NULL,
  PRIMARY KEY (scope, storage_state, state)
) WITHOUT ROWID;

CREATE TABLE run_requests (
  request_id     TEXT NOT NULL PRIMARY KEY,
  run_id         TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  created_at_us  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX run_requests_by_created_at ON run_requests (created_at_us);

CREATE TABLE run_states (
  run_id        TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  sequence      INTEGER NOT NULL,
  state         TEXT    NOT NULL,
  updated_at_us INTEGER NOT NULL,
  error_code    INTEGER NOT NULL,
  error_message TEXT    NOT NULL,
  PRIMARY KEY (run_id, sequence)
) WITHOUT ROWID;

CREATE TABLE runs (
  run_id              TEXT    NOT NULL PRIMARY KEY,
  experiment_id       TEXT    NOT NULL,
  namespace           TEXT    NOT NULL,
  display_name        TEXT    NOT NULL,
  description         TEXT    NOT NULL,
  storage_state       TEXT    NOT NULL CHECK (storage_state IN ('AVAILABLE', 'ARCHIVED')),
  state               TEXT    NOT NULL
                      CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELING', 'CANCELED')),
  service_account     TEXT    NOT NULL,
  pipeline_id         TEXT    NOT NULL,
  pipeline_version_id TEXT    NOT NULL,
  recurring_run_id    TEXT    NOT NULL,
  created_at_us       INTEGER NOT NULL,
  scheduled_at_us     INTEGER NOT NULL,
  finished_at_us      INTEGER NOT NULL
);

CREATE INDEX runs_by_created_at ON runs (storage_state, state, created_at_us, run_id);

CREATE INDEX runs_by_description ON runs (substr(description, 1, 128), run_id);

CREATE INDEX runs_by_display_name ON runs (storage_state, state, display_name, run_id);

CREATE INDEX runs_by_experiment_created_at ON runs (experiment_id, storage_state, state, created_at_us, run_id);

CREATE INDEX runs_by_experiment_display_name ON runs (experiment_id, storage_state, state, display_name, run_id);

CREATE INDEX runs_by_finished_at ON runs (finished_at_us, run_id);

CREATE INDEX runs_by_namespace_created_at ON runs (namespace, storage_state, state, created_at_us, run_id);

CREATE INDEX runs_by_pipeline ON runs (pipeline_id, run_id);

CREATE INDEX runs_by_pipeline_version ON runs (pipeline_version_id, run_id);

CREATE INDEX runs_by_recurring_run ON runs (recurring_run_id, run_id);

CREATE INDEX runs_by_scheduled_at ON runs (scheduled_at_us, run_id);

CREATE INDEX runs_unfinished_of_recurring ON runs (recurring_run_id)
  WHERE recurring_run_id <> '' AND state IN ('PENDING', 'RUNNING', 'CANCELING');

CREATE TABLE schedule_ticks (
  recurring_run_id TEXT    NOT NULL REFERENCES recurring_runs (recurring_run_id) ON DELETE CASCADE,
  due_at_us        INTEGER NOT NULL,
  last_due_at_us   INTEGER NOT NULL,
  slot_count       INTEGER NOT NULL,
  decision         TEXT    NOT NULL
                   CHECK (decision IN ('FIRED', 'CAUGHT_UP', 'OVERLAPPED', 'SKIPPED', 'REFUSED')),
  reason           TEXT    NOT NULL,
  message          TEXT    NOT NULL,
  run_id           TEXT    NOT NULL,
  run_index        INTEGER NOT NULL,
  decided_at_us    INTEGER NOT NULL,
  PRIMARY KEY (recurring_run_id, due_at_us)
) WITHOUT ROWID;

CREATE TABLE schema_migrations (
    version       INTEGER NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    checksum      TEXT    NOT NULL,
    applied_at_us INTEGER NOT NULL
  );

CREATE TABLE settings (
  name  TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE specs (
  spec_sha256 TEXT    NOT NULL PRIMARY KEY,
  size_bytes  INTEGER NOT NULL,
  content     BLOB    NOT NULL
);

CREATE TABLE tags (
  owner_id TEXT NOT NULL,
  name     TEXT NOT NULL,
  value    TEXT NOT NULL,
  PRIMARY KEY (owner_id, name)
) WITHOUT ROWID;

CREATE INDEX tags_by_value ON tags (name, value, owner_id);

CREATE TABLE task_attempts (
  run_id         TEXT    NOT NULL,
  task_id        TEXT    NOT NULL,
  number         INTEGER NOT NULL,
  attempt_id     TEXT    NOT NULL,
  outcome        TEXT    NOT NULL
                 CHECK (outcome IN ('', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELED', 'LOST')),
  exit_code      INTEGER,
  signal         INTEGER,
  message        TEXT    NOT NULL,
  log_tail       TEXT    NOT NULL,
  log_path       TEXT    NOT NULL,
  cpu_time_us    INTEGER NOT NULL,
  max_rss_bytes  INTEGER NOT NULL,
  created_at_us  INTEGER NOT NULL,
  started_at_us  INTEGER NOT NULL,
  finished_at_us INTEGER NOT NULL, holder TEXT NOT NULL DEFAULT '', environment TEXT NOT NULL DEFAULT '', packages TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, task_id, number),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE task_parameters (
  run_id    TEXT NOT NULL,
  task_id   TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name      TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (run_id, task_id, direction, name),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE task_states (
  run_id        TEXT    NOT NULL,
  task_id       TEXT    NOT NULL,
  sequence      INTEGER NOT NULL,
  state         TEXT    NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (run_id, task_id, sequence),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE tasks (
  run_id         TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id        TEXT    NOT NULL,
  parent_task_id TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  display_name   TEXT    NOT NULL,
  state          TEXT    NOT NULL CHECK (state IN
                   ('PENDING', 'RUNNING', 'SUCCEEDED', 'SKIPPED', 'FAILED', 'CANCELING', 'CANCELED')),
  wait_reason    TEXT    NOT NULL,
  error_code     INTEGER NOT NULL,
  error_message  TEXT    NOT NULL,
  created_at_us  INTEGER NOT NULL,
  started_at_us  INTEGER NOT NULL,
  finished_at_us INTEGER NOT NULL, iteration INTEGER NOT NULL DEFAULT -1, wake_at_us INTEGER NOT NULL DEFAULT 0, attempts_before INTEGER NOT NULL DEFAULT 0, cache_decision TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, task_id)
) WITHOUT ROWID;

