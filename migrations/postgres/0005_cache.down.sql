ALTER TABLE run_configs DROP COLUMN cache_max_age_us;
ALTER TABLE run_configs DROP COLUMN cache_enabled;
ALTER TABLE artifacts DROP COLUMN content_stat;
ALTER TABLE artifacts DROP COLUMN content_sha256;
ALTER TABLE tasks DROP COLUMN cache_decision;
DROP TABLE cache_entries;
