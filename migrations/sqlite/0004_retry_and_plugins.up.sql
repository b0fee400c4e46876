-- How many attempts of the task were made before its run was retried last.
ALTER TABLE tasks ADD COLUMN attempts_before INTEGER NOT NULL DEFAULT 0;
-- What a run was given for plugins: a JSON object by the name of the plugin, empty for none.
ALTER TABLE run_configs ADD COLUMN plugins_input TEXT NOT NULL DEFAULT '';
