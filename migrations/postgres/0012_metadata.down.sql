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
DROP INDEX artifacts_by_run;
CREATE INDEX artifacts_by_run ON artifacts (run_id);
DROP INDEX artifacts_by_uri;
DROP INDEX artifacts_by_type;
DROP INDEX artifacts_by_name;
DROP INDEX artifacts_by_created_at;
DROP INDEX artifacts_by_namespace;
DELETE FROM artifact_tasks WHERE NOT EXISTS (
  SELECT 1 FROM tasks t WHERE t.run_id = artifact_tasks.run_id AND t.task_id = artifact_tasks.task_id);
DELETE FROM artifacts WHERE run_id IS NULL;
ALTER TABLE artifacts DROP COLUMN uuid;
ALTER TABLE artifacts DROP COLUMN namespace;
ALTER TABLE artifacts DROP COLUMN description;
ALTER TABLE artifacts DROP COLUMN size_bytes;
ALTER TABLE artifacts ALTER COLUMN run_id SET NOT NULL;
ALTER TABLE artifact_tasks DROP COLUMN link_id;
ALTER TABLE artifact_tasks DROP COLUMN io_type;
ALTER TABLE artifact_tasks DROP COLUMN producer_task;
ALTER TABLE artifact_tasks DROP COLUMN producer_iteration;
ALTER TABLE artifact_tasks DROP COLUMN role;
ALTER TABLE artifact_tasks DROP CONSTRAINT artifact_tasks_run_id_fkey;
ALTER TABLE artifact_tasks ADD CONSTRAINT artifact_tasks_run_id_task_id_fkey
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE;
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
