-- What MLflow knows of experiments besides. Without a location their artifacts lie below mlflow-artifacts:/, by their id.
ALTER TABLE experiments ADD COLUMN artifact_location TEXT NOT NULL DEFAULT '';
ALTER TABLE experiments ADD COLUMN updated_at_us INTEGER NOT NULL DEFAULT 0;
UPDATE experiments SET updated_at_us = created_at_us;
CREATE INDEX experiments_by_updated_at ON experiments (updated_at_us, experiment_id);
-- A run starts when it is scheduled; a search gives the latest first.
CREATE INDEX runs_by_experiment_start ON runs (experiment_id, storage_state, scheduled_at_us DESC, run_id);

-- Parameters that a task logs. Those of runs are in run_parameters.
CREATE TABLE logged_parameters (
  run_id  TEXT NOT NULL,
  task_id TEXT NOT NULL,
  name    TEXT NOT NULL,
  value   TEXT NOT NULL,
  PRIMARY KEY (run_id, task_id, name),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;

-- Data sets: artifacts that are the same in an experiment if name and digest are.
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
-- What for a run, or a task, takes an artifact; their link is in artifact_tasks.
CREATE TABLE input_tags (
  run_id      TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id     TEXT    NOT NULL,
  artifact_id INTEGER NOT NULL,
  name        TEXT    NOT NULL,
  value       TEXT    NOT NULL,
  PRIMARY KEY (run_id, task_id, artifact_id, name)
) WITHOUT ROWID;

-- Models that runs log. `source_run_id` is as MLflow names the run: that of a task is a run there, too.
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
CREATE TABLE logged_model_parameters (
  model_id TEXT NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  name     TEXT NOT NULL,
  value    TEXT NOT NULL,
  PRIMARY KEY (model_id, name)
) WITHOUT ROWID;
-- The latest value of each metric of a model, on each data set; values as in metric_points.
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
-- Models that a run, or a task, takes and puts out.
CREATE TABLE model_links (
  run_id    TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id   TEXT    NOT NULL,
  direction TEXT    NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  model_id  TEXT    NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  step      INTEGER NOT NULL,
  PRIMARY KEY (run_id, task_id, direction, model_id)
) WITHOUT ROWID;
CREATE INDEX model_links_by_model ON model_links (model_id);

-- Names for models, with numbered versions; `versions` is the number given out last.
CREATE TABLE registered_models (
  name          TEXT    NOT NULL PRIMARY KEY,
  description   TEXT    NOT NULL,
  versions      INTEGER NOT NULL,
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL
);
-- `source` is what the client named, `location` where the files are.
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
CREATE INDEX model_versions_by_run ON model_versions (run_id, name, version);
CREATE INDEX model_versions_by_model ON model_versions (model_id, name, version);
CREATE TABLE model_aliases (
  name    TEXT    NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  alias   TEXT    NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (name, alias)
) WITHOUT ROWID;
-- Of a version, or of the name itself: version 0.
CREATE TABLE model_tags (
  name    TEXT    NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  version INTEGER NOT NULL,
  tag     TEXT    NOT NULL,
  value   TEXT    NOT NULL,
  PRIMARY KEY (name, version, tag)
) WITHOUT ROWID;
