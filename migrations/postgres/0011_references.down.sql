ALTER TABLE recurring_runs DROP COLUMN enabled_at_us;
DROP INDEX runs_by_pipeline_version;
DROP INDEX runs_by_pipeline;
