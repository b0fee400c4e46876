-- The content of deleted runs, which goes after their rows.
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

-- Whose folder the artifacts of a spec's runs are in; empty of those that were stored before.
ALTER TABLE specs ADD COLUMN pipeline_name TEXT NOT NULL DEFAULT '';

-- Whether a registered model lies in a folder.
CREATE INDEX model_versions_by_location ON model_versions (substr(location, 1, 128), name, version);

-- Which old runs are deleted, in a namespace or an experiment.
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
