-- What tasks that succeeded put out, found by a fingerprint of what they did. The outputs are those of the task.
CREATE TABLE cache_entries (
  namespace         TEXT COLLATE "C" NOT NULL,
  fingerprint       TEXT COLLATE "C" NOT NULL,
  cache_group       TEXT COLLATE "C" NOT NULL,
  run_id            TEXT COLLATE "C" NOT NULL,
  task_id           TEXT COLLATE "C" NOT NULL,
  fields            TEXT COLLATE "C" NOT NULL,
  output_parameters BIGINT           NOT NULL,
  output_artifacts  BIGINT           NOT NULL,
  created_at_us     BIGINT           NOT NULL,
  PRIMARY KEY (namespace, fingerprint),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);
CREATE INDEX cache_entries_by_group ON cache_entries (namespace, cache_group, created_at_us);
CREATE INDEX cache_entries_by_task ON cache_entries (run_id, task_id);
-- Whether the task was taken from the cache, and from where or why not: a JSON object; empty if it was not asked.
ALTER TABLE tasks ADD COLUMN cache_decision TEXT COLLATE "C" NOT NULL DEFAULT '';
-- What lay at the artifact when it was made; empty if nobody looked.
ALTER TABLE artifacts ADD COLUMN content_sha256 TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN content_stat TEXT COLLATE "C" NOT NULL DEFAULT '';
-- What the run asks of the cache; an age of 0 has no bound.
ALTER TABLE run_configs ADD COLUMN cache_enabled BIGINT NOT NULL DEFAULT 1;
ALTER TABLE run_configs ADD COLUMN cache_max_age_us BIGINT NOT NULL DEFAULT 0;
