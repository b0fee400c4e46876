ALTER TABLE task_attempts DROP COLUMN packages;
ALTER TABLE task_attempts DROP COLUMN environment;
DROP INDEX artifacts_by_import;
ALTER TABLE artifacts DROP COLUMN import_key;
