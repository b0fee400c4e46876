-- How many runs there are by storage state and state, kept in the transaction that changes them: of all, of an
-- experiment and of a namespace. The scope is 'all', 'experiment/ID' or 'namespace/NAME'.
CREATE TABLE run_counts (
  scope         TEXT COLLATE "C" NOT NULL,
  storage_state TEXT COLLATE "C" NOT NULL,
  state         TEXT COLLATE "C" NOT NULL,
  runs          BIGINT NOT NULL,
  PRIMARY KEY (scope, storage_state, state)
) WITH (fillfactor = 50);
INSERT INTO run_counts SELECT 'all', storage_state, state, COUNT(*) FROM runs GROUP BY storage_state, state;
INSERT INTO run_counts
  SELECT 'experiment/' || experiment_id, storage_state, state, COUNT(*)
  FROM runs GROUP BY experiment_id, storage_state, state;
INSERT INTO run_counts
  SELECT 'namespace/' || namespace, storage_state, state, COUNT(*) FROM runs GROUP BY namespace, storage_state, state;
DELETE FROM counters WHERE name = 'runs' OR name LIKE 'runs/experiment/%';

-- An order of the runs in some states is a merge of a range of the index for each of them, so nothing is read that is
-- not returned. Long texts are ordered by their first 128 characters.
DROP INDEX runs_by_created_at;
DROP INDEX runs_by_experiment;
DROP INDEX runs_by_display_name;
DROP INDEX runs_by_state;
CREATE INDEX runs_by_created_at ON runs (storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_display_name ON runs (storage_state, state, display_name, run_id);
CREATE INDEX runs_by_experiment_created_at ON runs (experiment_id, storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_experiment_display_name ON runs (experiment_id, storage_state, state, display_name, run_id);
CREATE INDEX runs_by_namespace_created_at ON runs (namespace, storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_scheduled_at ON runs (scheduled_at_us, run_id);
CREATE INDEX runs_by_finished_at ON runs (finished_at_us, run_id);
CREATE INDEX runs_by_recurring_run ON runs (recurring_run_id, run_id);
CREATE INDEX runs_by_description ON runs (substr(description, 1, 128), run_id);

CREATE INDEX experiments_by_namespace ON experiments (namespace, experiment_id);
CREATE INDEX experiments_by_storage_state ON experiments (storage_state, experiment_id);
CREATE INDEX experiments_by_description ON experiments (substr(description, 1, 128), experiment_id);

CREATE INDEX pipelines_by_namespace ON pipelines (namespace, pipeline_id);
CREATE INDEX pipelines_by_description ON pipelines (substr(description, 1, 128), pipeline_id);

CREATE INDEX pipeline_versions_by_id ON pipeline_versions (pipeline_id, pipeline_version_id);
CREATE INDEX pipeline_versions_by_name ON pipeline_versions (pipeline_id, name, pipeline_version_id);
CREATE INDEX pipeline_versions_by_description
  ON pipeline_versions (pipeline_id, substr(description, 1, 128), pipeline_version_id);
