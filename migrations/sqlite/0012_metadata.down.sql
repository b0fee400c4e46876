-- Runs and tasks that clients recorded are not known to the program before, nor artifacts without a run.
DELETE FROM runs WHERE driver = 'CLIENT';
DELETE FROM run_counts;
INSERT INTO run_counts SELECT 'all', storage_state, state, COUNT(*) FROM runs GROUP BY storage_state, state;
INSERT INTO run_counts
  SELECT 'experiment/' || experiment_id, storage_state, state, COUNT(*)
  FROM runs GROUP BY experiment_id, storage_state, state;
INSERT INTO run_counts
  SELECT 'namespace/' || namespace, storage_state, state, COUNT(*) FROM runs GROUP BY namespace, storage_state, state;
DELETE FROM tasks WHERE recorded <> 0;
DROP TABLE run_metrics;
DROP TABLE metric_points;
DROP TABLE metric_series;
DROP INDEX tags_by_number;
DROP INDEX tags_by_value;
ALTER TABLE tags DROP COLUMN number_order;
ALTER TABLE tags DROP COLUMN type;
CREATE INDEX tags_by_value ON tags (name, value, owner_id);
DROP TABLE run_parameters;
DROP INDEX artifact_tasks_by_artifact;
DROP INDEX artifact_tasks_by_task;
DROP INDEX artifact_tasks_by_id;
DROP INDEX artifacts_by_uuid;
DROP INDEX artifacts_by_import;
DROP INDEX artifacts_by_run;
DROP INDEX artifacts_by_uri;
DROP INDEX artifacts_by_type;
DROP INDEX artifacts_by_name;
DROP INDEX artifacts_by_created_at;
DROP INDEX artifacts_by_namespace;
DELETE FROM artifact_tasks WHERE task_id = '';
DELETE FROM artifacts WHERE run_id IS NULL;
ALTER TABLE artifact_tasks RENAME TO artifact_tasks_after;
ALTER TABLE artifacts RENAME TO artifacts_after;
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
);
ALTER TABLE artifacts ADD COLUMN content_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN content_stat TEXT NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN import_key TEXT NOT NULL DEFAULT '';
INSERT INTO artifacts (artifact_id, run_id, name, schema_title, schema_version, uri, custom_path, metadata,
                       created_at_us, content_sha256, content_stat, import_key)
  SELECT artifact_id, run_id, name, schema_title, schema_version, uri, custom_path, metadata, created_at_us,
         content_sha256, content_stat, import_key
  FROM artifacts_after;
CREATE INDEX artifacts_by_run ON artifacts (run_id);
CREATE INDEX artifacts_by_import ON artifacts (import_key, artifact_id) WHERE import_key <> '';
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
INSERT INTO artifact_tasks
  SELECT l.run_id, l.task_id, l.direction, l.name, l.position, l.artifact_id FROM artifact_tasks_after l
  WHERE EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = l.run_id AND t.task_id = l.task_id);
DROP TABLE artifact_tasks_after;
DROP TABLE artifacts_after;
CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks (artifact_id);
DROP INDEX runs_to_drive;
DROP INDEX tasks_by_number;
DROP INDEX runs_by_number;
DELETE FROM counters WHERE name IN ('task_numbers', 'link_ids', 'series_ids', 'artifacts');
ALTER TABLE tasks DROP COLUMN description;
ALTER TABLE tasks DROP COLUMN recorded;
ALTER TABLE tasks DROP COLUMN number;
ALTER TABLE runs DROP COLUMN driver;
ALTER TABLE runs DROP COLUMN number;
