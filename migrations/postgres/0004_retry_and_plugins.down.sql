ALTER TABLE run_configs DROP COLUMN plugins_input;
ALTER TABLE tasks DROP COLUMN attempts_before;
