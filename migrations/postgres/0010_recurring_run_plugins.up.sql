-- What each run of a recurring run is given for plugins, as run_configs has it, and what it asks of the cache.
ALTER TABLE recurring_runs ADD COLUMN plugins_input TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE recurring_runs ADD COLUMN cache_enabled BIGINT NOT NULL DEFAULT 1;
ALTER TABLE recurring_runs ADD COLUMN cache_max_age_us BIGINT NOT NULL DEFAULT 0;

-- Every key orders the recurring runs of all experiments and of one.
CREATE INDEX recurring_runs_by_description ON recurring_runs (substr(description, 1, 128), recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_id ON recurring_runs (experiment_id, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_updated_at ON recurring_runs (experiment_id, updated_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_display_name
  ON recurring_runs (experiment_id, display_name, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_description
  ON recurring_runs (experiment_id, substr(description, 1, 128), recurring_run_id);
