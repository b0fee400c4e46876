-- Runs by the pipeline and the version that they were made of.
CREATE INDEX runs_by_pipeline ON runs (pipeline_id, run_id);
CREATE INDEX runs_by_pipeline_version ON runs (pipeline_version_id, run_id);

-- When a recurring run was enabled last after it had been disabled: without catch-up, slots of before start nothing.
ALTER TABLE recurring_runs ADD COLUMN enabled_at_us BIGINT NOT NULL DEFAULT 0;
