CREATE TABLE artifact_tasks (
  run_id             TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id            TEXT    NOT NULL,
  direction          TEXT    NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name               TEXT    NOT NULL,
  position           INTEGER NOT NULL,
  artifact_id        INTEGER NOT NULL REFERENCES artifacts (artifact_id) ON DELETE CASCADE,
  link_id            INTEGER NOT NULL,
  io_type            TEXT    NOT NULL,
  producer_task      TEXT    NOT NULL,
  producer_iteration INTEGER,
  role               TEXT    NOT NULL CHECK (role IN ('OWN', 'SCOPE', 'CACHE')),
  PRIMARY KEY (run_id, task_id, direction, name, position)
) WITHOUT ROWID;

CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks (artifact_id, link_id);

CREATE UNIQUE INDEX artifact_tasks_by_id ON artifact_tasks (link_id);

CREATE INDEX artifact_tasks_by_task ON artifact_tasks (task_id, link_id);

CREATE TABLE artifacts (
  artifact_id    INTEGER NOT NULL PRIMARY KEY,
  uuid           TEXT    NOT NULL,
  run_id         TEXT    REFERENCES runs (run_id) ON DELETE CASCADE,
  namespace      TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  description    TEXT    NOT NULL,
  schema_title   TEXT    NOT NULL,
  schema_version TEXT    NOT NULL,
  uri            TEXT    NOT NULL,
  custom_path    TEXT    NOT NULL,
  metadata       TEXT    NOT NULL,
  size_bytes     INTEGER,
  content_sha256 TEXT    NOT NULL,
  content_stat   TEXT    NOT NULL,
  import_key     TEXT    NOT NULL,
  created_at_us  INTEGER NOT NULL
);

CREATE INDEX artifacts_by_created_at ON artifacts (created_at_us, uuid);

CREATE INDEX artifacts_by_import ON artifacts (import_key, artifact_id) WHERE import_key <> '';

CREATE INDEX artifacts_by_name ON artifacts (name, uuid);

CREATE INDEX artifacts_by_namespace ON artifacts (namespace, uuid);

CREATE INDEX artifacts_by_namespace_created_at ON artifacts (namespace, created_at_us, uuid);

CREATE INDEX artifacts_by_run ON artifacts (run_id, uuid);

CREATE INDEX artifacts_by_type ON artifacts (schema_title, uuid);

CREATE INDEX artifacts_by_uri ON artifacts (substr(uri, 1, 128), uuid);

CREATE UNIQUE INDEX artifacts_by_uuid ON artifacts (uuid);

CREATE TABLE attempt_places (
  place_sha256 TEXT    NOT NULL PRIMARY KEY,
  size_bytes   INTEGER NOT NULL,
  content      BLOB    NOT NULL,
  used_at_us   INTEGER NOT NULL
);

CREATE TABLE attempt_setups (
  setup_sha256 TEXT    NOT NULL PRIMARY KEY,
  size_bytes   INTEGER NOT NULL,
  content      BLOB    NOT NULL,
  used_at_us   INTEGER NOT NULL
);

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

CREATE TABLE content_removals (
  run_id            TEXT NOT NULL PRIMARY KEY,
  experiment_id     TEXT NOT NULL,
  namespace         TEXT NOT NULL,
  pipeline_name     TEXT NOT NULL,
  pipeline_root     TEXT NOT NULL,
  artifact_location TEXT NOT NULL,
  folders           TEXT NOT NULL,
  unfinished        INTEGER NOT NULL,
  state             TEXT NOT NULL CHECK (state IN ('WAITING', 'RUNNING', 'DONE', 'FAILED')),
  removed_files     INTEGER NOT NULL,
  removed_bytes     INTEGER NOT NULL,
  kept              TEXT NOT NULL,
  kept_count        INTEGER NOT NULL,
  tries             INTEGER NOT NULL,
  error             TEXT NOT NULL,
  created_at_us     INTEGER NOT NULL,
  started_at_us     INTEGER NOT NULL,
  finished_at_us    INTEGER NOT NULL,
  due_at_us         INTEGER
) WITHOUT ROWID;

CREATE INDEX content_removals_by_created_at ON content_removals (created_at_us, run_id);

CREATE INDEX content_removals_by_state ON content_removals (state, run_id);

CREATE INDEX content_removals_due ON content_removals (due_at_us, run_id) WHERE due_at_us IS NOT NULL;

CREATE TABLE counters (
  name  TEXT    NOT NULL PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE datasets (
  artifact_id   INTEGER NOT NULL PRIMARY KEY REFERENCES artifacts (artifact_id) ON DELETE CASCADE,
  experiment_id TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  digest        TEXT    NOT NULL,
  source_type   TEXT    NOT NULL,
  source        TEXT    NOT NULL,
  columns       TEXT    NOT NULL,
  profile       TEXT    NOT NULL
);

CREATE INDEX datasets_by_digest ON datasets (experiment_id, name, digest);

CREATE TABLE experiments (
  experiment_id          TEXT    NOT NULL PRIMARY KEY,
  namespace              TEXT    NOT NULL,
  name                   TEXT    NOT NULL,
  description            TEXT    NOT NULL,
  storage_state          TEXT    NOT NULL CHECK (storage_state IN ('AVAILABLE', 'ARCHIVED')),
  created_at_us          INTEGER NOT NULL,
  last_run_created_at_us INTEGER NOT NULL, artifact_location TEXT NOT NULL DEFAULT '', updated_at_us INTEGER NOT NULL DEFAULT 0,
  UNIQUE (namespace, name)
);

CREATE INDEX experiments_by_created_at ON experiments (created_at_us, experiment_id);

CREATE INDEX experiments_by_description ON experiments (substr(description, 1, 128), experiment_id);

CREATE INDEX experiments_by_last_run ON experiments (last_run_created_at_us, experiment_id);

CREATE INDEX experiments_by_name ON experiments (name, experiment_id);

CREATE INDEX experiments_by_namespace ON experiments (namespace, experiment_id);

CREATE INDEX experiments_by_storage_state ON experiments (storage_state, experiment_id);

CREATE INDEX experiments_by_updated_at ON experiments (updated_at_us, experiment_id);

CREATE TABLE input_tags (
  run_id      TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id     TEXT    NOT NULL,
  artifact_id INTEGER NOT NULL,
  name        TEXT    NOT NULL,
  value       TEXT    NOT NULL,
  PRIMARY KEY (run_id, task_id, artifact_id, name)
) WITHOUT ROWID;

CREATE TABLE leases (
  name          TEXT    NOT NULL PRIMARY KEY,
  holder        TEXT    NOT NULL,
  fence         INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE logged_model_metrics (
  model_id       TEXT    NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  name           TEXT    NOT NULL,
  dataset_name   TEXT    NOT NULL,
  dataset_digest TEXT    NOT NULL,
  run_id         TEXT    NOT NULL,
  step           INTEGER NOT NULL,
  at_us          INTEGER NOT NULL,
  value          INTEGER NOT NULL,
  PRIMARY KEY (model_id, name, dataset_name, dataset_digest)
) WITHOUT ROWID;

CREATE TABLE logged_model_parameters (
  model_id TEXT NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  name     TEXT NOT NULL,
  value    TEXT NOT NULL,
  PRIMARY KEY (model_id, name)
) WITHOUT ROWID;

CREATE TABLE logged_models (
  model_id      TEXT    NOT NULL PRIMARY KEY,
  experiment_id TEXT    NOT NULL,
  name          TEXT    NOT NULL,
  model_type    TEXT    NOT NULL,
  source_run_id TEXT    NOT NULL,
  status        TEXT    NOT NULL CHECK (status IN ('PENDING', 'READY', 'UPLOAD_FAILED')),
  artifact_id   INTEGER NOT NULL,
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL
);

CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id, created_at_us, model_id);

CREATE TABLE logged_parameters (
  run_id  TEXT NOT NULL,
  task_id TEXT NOT NULL,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (run_id, task_id, name),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE metric_points (
  series_id INTEGER NOT NULL REFERENCES metric_series (series_id) ON DELETE CASCADE,
  step      INTEGER NOT NULL,
  at_us     INTEGER NOT NULL,
  value     INTEGER NOT NULL,
  PRIMARY KEY (series_id, step, at_us, value)
) WITHOUT ROWID;

CREATE TABLE metric_series (
  series_id        INTEGER NOT NULL PRIMARY KEY,
  run_id           TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id          TEXT    NOT NULL,
  name             TEXT    NOT NULL,
  points           INTEGER NOT NULL,
  first_step       INTEGER NOT NULL,
  first_at_us      INTEGER NOT NULL,
  first_value      INTEGER NOT NULL,
  latest_step      INTEGER NOT NULL,
  latest_at_us     INTEGER NOT NULL,
  latest_value     INTEGER NOT NULL,
  least_step       INTEGER NOT NULL,
  least_at_us      INTEGER NOT NULL,
  least_value      INTEGER NOT NULL,
  greatest_step    INTEGER NOT NULL,
  greatest_at_us   INTEGER NOT NULL,
  greatest_value   INTEGER NOT NULL,
  UNIQUE (run_id, task_id, name)
);

CREATE TABLE model_aliases (
  name    TEXT    NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  alias   TEXT    NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (name, alias)
) WITHOUT ROWID;

CREATE TABLE model_links (
  run_id    TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id   TEXT    NOT NULL,
  direction TEXT    NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  model_id  TEXT    NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  step      INTEGER NOT NULL,
  PRIMARY KEY (run_id, task_id, direction, model_id)
) WITHOUT ROWID;

CREATE INDEX model_links_by_model ON model_links (model_id);

CREATE TABLE model_tags (
  name    TEXT    NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  version INTEGER NOT NULL,
  tag     TEXT    NOT NULL,
  value   TEXT    NOT NULL,
  PRIMARY KEY (name, version, tag)
) WITHOUT ROWID;

CREATE TABLE model_versions (
  name          TEXT    NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  version       INTEGER NOT NULL,
  description   TEXT    NOT NULL,
  source        TEXT    NOT NULL,
  location      TEXT    NOT NULL,
  run_id        TEXT    NOT NULL,
  run_link      TEXT    NOT NULL,
  model_id      TEXT    NOT NULL,
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (name, version)
);

CREATE INDEX model_versions_by_location ON model_versions (substr(location, 1, 128), name, version);

CREATE INDEX model_versions_by_model ON model_versions (model_id, name, version);

CREATE INDEX model_versions_by_run ON model_versions (run_id, name, version);

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

CREATE TABLE registered_models (
  name          TEXT    NOT NULL PRIMARY KEY,
  description   TEXT    NOT NULL,
  versions      INTEGER NOT NULL,
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL
);

CREATE TABLE retention_policies (
  policy_id          TEXT NOT NULL PRIMARY KEY,
  namespace          TEXT NOT NULL,
  experiment_id      TEXT NOT NULL,
  enabled            INTEGER NOT NULL,
  max_age_us         INTEGER NOT NULL,
  max_runs           INTEGER NOT NULL,
  states             TEXT NOT NULL,
  storage            TEXT NOT NULL CHECK (storage IN ('ANY', 'AVAILABLE', 'ARCHIVED')),
  keep_latest        INTEGER NOT NULL,
  revision           INTEGER NOT NULL,
  previewed_revision INTEGER NOT NULL,
  created_at_us      INTEGER NOT NULL,
  updated_at_us      INTEGER NOT NULL,
  applied_at_us      INTEGER NOT NULL,
  deleted_runs       INTEGER NOT NULL
) WITHOUT ROWID;

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

CREATE TABLE run_metrics (
  run_id        TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name          TEXT    NOT NULL,
  experiment_id TEXT    NOT NULL,
  value         INTEGER NOT NULL,
  step          INTEGER NOT NULL,
  at_us         INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

CREATE INDEX run_metrics_by_experiment ON run_metrics (experiment_id, name, value, run_id);

CREATE INDEX run_metrics_by_value ON run_metrics (name, value, run_id);

CREATE TABLE run_parameters (
  run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) WITHOUT ROWID;

CREATE INDEX run_parameters_by_value ON run_parameters (name, substr(value, 1, 128), run_id);

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
, number INTEGER NOT NULL DEFAULT 0, driver TEXT NOT NULL DEFAULT 'ENGINE' CHECK (driver IN ('ENGINE', 'CLIENT')));

CREATE INDEX runs_by_created_at ON runs (storage_state, state, created_at_us, run_id);

CREATE INDEX runs_by_description ON runs (substr(description, 1, 128), run_id);

CREATE INDEX runs_by_display_name ON runs (storage_state, state, display_name, run_id);

CREATE INDEX runs_by_experiment_created_at ON runs (experiment_id, storage_state, state, created_at_us, run_id);

CREATE INDEX runs_by_experiment_display_name ON runs (experiment_id, storage_state, state, display_name, run_id);

CREATE INDEX runs_by_experiment_start ON runs (experiment_id, storage_state, scheduled_at_us DESC, run_id);

CREATE INDEX runs_by_finished_at ON runs (finished_at_us, run_id);

CREATE INDEX runs_by_namespace_created_at ON runs (namespace, storage_state, state, created_at_us, run_id);

CREATE UNIQUE INDEX runs_by_number ON runs (number);

CREATE INDEX runs_by_pipeline ON runs (pipeline_id, run_id);

CREATE INDEX runs_by_pipeline_version ON runs (pipeline_version_id, run_id);

CREATE INDEX runs_by_recurring_run ON runs (recurring_run_id, run_id);

CREATE INDEX runs_by_scheduled_at ON runs (scheduled_at_us, run_id);

CREATE INDEX runs_to_drive ON runs (state, created_at_us, run_id) WHERE driver = 'ENGINE' AND finished_at_us = 0;

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
, pipeline_name TEXT NOT NULL DEFAULT '');

CREATE TABLE tags (
  owner_id TEXT NOT NULL,
  name     TEXT NOT NULL,
  value    TEXT NOT NULL, type TEXT NOT NULL DEFAULT 'STRING' CHECK (type IN ('STRING', 'NUMBER', 'BOOLEAN', 'JSON')), number_order INTEGER,
  PRIMARY KEY (owner_id, name)
) WITHOUT ROWID;

CREATE INDEX tags_by_number ON tags (name, number_order, owner_id) WHERE number_order IS NOT NULL;

CREATE INDEX tags_by_value ON tags (name, substr(value, 1, 128), owner_id);

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
  finished_at_us INTEGER NOT NULL, holder TEXT NOT NULL DEFAULT '', environment TEXT NOT NULL DEFAULT '', packages TEXT NOT NULL DEFAULT '', setup_sha256 TEXT NOT NULL DEFAULT '', place_sha256 TEXT NOT NULL DEFAULT '', disrupted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, task_id, number),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX task_attempts_by_setup ON task_attempts (setup_sha256);

CREATE TABLE task_parameters (
  run_id    TEXT NOT NULL,
  task_id   TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name      TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (run_id, task_id, direction, name),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE task_records (
  run_id            TEXT NOT NULL,
  task_id           TEXT NOT NULL,
  namespace         TEXT NOT NULL,
  cache_fingerprint TEXT NOT NULL,
  record            BLOB NOT NULL,
  PRIMARY KEY (run_id, task_id),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX task_records_by_fingerprint ON task_records (namespace, cache_fingerprint, task_id)
  WHERE cache_fingerprint <> '';

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
  finished_at_us INTEGER NOT NULL, iteration INTEGER NOT NULL DEFAULT -1, wake_at_us INTEGER NOT NULL DEFAULT 0, attempts_before INTEGER NOT NULL DEFAULT 0, cache_decision TEXT NOT NULL DEFAULT '', number INTEGER NOT NULL DEFAULT 0, recorded INTEGER NOT NULL DEFAULT 0, description TEXT NOT NULL DEFAULT '', wait_message TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, task_id)
) WITHOUT ROWID;

CREATE UNIQUE INDEX tasks_by_number ON tasks (number);

CREATE INDEX tasks_by_parent ON tasks (run_id, parent_task_id, iteration, task_id);

CREATE INDEX tasks_failed ON tasks (run_id, finished_at_us) WHERE state = 'FAILED';

