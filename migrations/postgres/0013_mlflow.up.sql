-- What MLflow knows of experiments besides. Without a location their artifacts lie below mlflow-artifacts:/, by their id.
ALTER TABLE experiments ADD COLUMN artifact_location TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE experiments ADD COLUMN updated_at_us BIGINT NOT NULL DEFAULT 0;
UPDATE experiments SET updated_at_us = created_at_us;
CREATE INDEX experiments_by_updated_at ON experiments (updated_at_us, experiment_id);
-- A run starts when it is scheduled; a search gives the latest first.
CREATE INDEX runs_by_experiment_start ON runs (experiment_id, storage_state, scheduled_at_us DESC, run_id);

-- Parameters that a task logs. Those of runs are in run_parameters.
CREATE TABLE logged_parameters (
  run_id  TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  name    TEXT COLLATE "C" NOT NULL,
  value   TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (run_id, task_id, name),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);

-- Data sets: artifacts that are the same in an experiment if name and digest are.
CREATE TABLE datasets (
  artifact_id   BIGINT NOT NULL PRIMARY KEY REFERENCES artifacts (artifact_id) ON DELETE CASCADE,
  experiment_id TEXT COLLATE "C" NOT NULL,
  name          TEXT COLLATE "C" NOT NULL,
  digest        TEXT COLLATE "C" NOT NULL,
  source_type   TEXT COLLATE "C" NOT NULL,
  source        TEXT COLLATE "C" NOT NULL,
  columns       TEXT COLLATE "C" NOT NULL,
  profile       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX datasets_by_digest ON datasets (experiment_id, name, digest);
-- What for a run, or a task, takes an artifact; their link is in artifact_tasks.
CREATE TABLE input_tags (
  run_id      TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id     TEXT COLLATE "C" NOT NULL,
  artifact_id BIGINT NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  value       TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (run_id, task_id, artifact_id, name)
);

-- Models that runs log. `source_run_id` is as MLflow names the run: that of a task is a run there, too.
CREATE TABLE logged_models (
  model_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  experiment_id TEXT COLLATE "C" NOT NULL,
  name          TEXT COLLATE "C" NOT NULL,
  model_type    TEXT COLLATE "C" NOT NULL,
  source_run_id TEXT COLLATE "C" NOT NULL,
  status        TEXT COLLATE "C" NOT NULL CHECK (status IN ('PENDING', 'READY', 'UPLOAD_FAILED')),
  artifact_id   BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL
);
CREATE INDEX logged_models_by_experiment ON logged_models (experiment_id, created_at_us, model_id);
CREATE TABLE logged_model_parameters (
  model_id TEXT COLLATE "C" NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  name     TEXT COLLATE "C" NOT NULL,
  value    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (model_id, name)
);
-- The latest value of each metric of a model, on each data set; values as in metric_points.
CREATE TABLE logged_model_metrics (
  model_id       TEXT COLLATE "C" NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  name           TEXT COLLATE "C" NOT NULL,
  dataset_name   TEXT COLLATE "C" NOT NULL,
  dataset_digest TEXT COLLATE "C" NOT NULL,
  run_id         TEXT COLLATE "C" NOT NULL,
  step           BIGINT NOT NULL,
  at_us          BIGINT NOT NULL,
  value          BIGINT NOT NULL,
  PRIMARY KEY (model_id, name, dataset_name, dataset_digest)
);
-- Models that a run, or a task, takes and puts out.
CREATE TABLE model_links (
  run_id    TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id   TEXT COLLATE "C" NOT NULL,
  direction TEXT COLLATE "C" NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  model_id  TEXT COLLATE "C" NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
  step      BIGINT NOT NULL,
  PRIMARY KEY (run_id, task_id, direction, model_id)
);
CREATE INDEX model_links_by_model ON model_links (model_id);

-- Names for models, with numbered versions; `versions` is the number given out last.
CREATE TABLE registered_models (
  name          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  description   TEXT COLLATE "C" NOT NULL,
  versions      BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL
);
-- `source` is what the client named, `location` where the files are.
CREATE TABLE model_versions (
  name          TEXT COLLATE "C" NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  version       BIGINT NOT NULL,
  description   TEXT COLLATE "C" NOT NULL,
  source        TEXT COLLATE "C" NOT NULL,
  location      TEXT COLLATE "C" NOT NULL,
  run_id        TEXT COLLATE "C" NOT NULL,
  run_link      TEXT COLLATE "C" NOT NULL,
  model_id      TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  PRIMARY KEY (name, version)
);
CREATE INDEX model_versions_by_run ON model_versions (run_id, name, version);
CREATE INDEX model_versions_by_model ON model_versions (model_id, name, version);
CREATE TABLE model_aliases (
  name    TEXT COLLATE "C" NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  alias   TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (name, alias)
);
-- Of a version, or of the name itself: version 0.
CREATE TABLE model_tags (
  name    TEXT COLLATE "C" NOT NULL REFERENCES registered_models (name) ON DELETE CASCADE ON UPDATE CASCADE,
  version BIGINT NOT NULL,
  tag     TEXT COLLATE "C" NOT NULL,
  value   TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (name, version, tag)
);
