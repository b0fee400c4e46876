DROP INDEX pipeline_versions_by_description;
DROP INDEX pipeline_versions_by_name;
DROP INDEX pipeline_versions_by_id;

DROP INDEX pipelines_by_description;
DROP INDEX pipelines_by_namespace;

DROP INDEX experiments_by_description;
DROP INDEX experiments_by_storage_state;
DROP INDEX experiments_by_namespace;

DROP INDEX runs_by_description;
DROP INDEX runs_by_recurring_run;
DROP INDEX runs_by_finished_at;
DROP INDEX runs_by_scheduled_at;
DROP INDEX runs_by_namespace_created_at;
DROP INDEX runs_by_experiment_display_name;
DROP INDEX runs_by_experiment_created_at;
DROP INDEX runs_by_display_name;
DROP INDEX runs_by_created_at;
CREATE INDEX runs_by_created_at ON runs (created_at_us, run_id);
CREATE INDEX runs_by_experiment ON runs (experiment_id, created_at_us, run_id);
CREATE INDEX runs_by_display_name ON runs (display_name, run_id);
CREATE INDEX runs_by_state ON runs (state, created_at_us, run_id);

INSERT INTO counters SELECT 'runs', COUNT(*) FROM runs;
INSERT INTO counters SELECT 'runs/experiment/' || experiment_id, COUNT(*) FROM runs GROUP BY experiment_id;
DROP TABLE run_counts;
