-- What tasks that succeeded put out, found by a fingerprint of what they did. The outputs are those of the task.
CREATE TABLE cache_entries (
  namespace         TEXT    NOT NULL,
  fingerprint       TEXT    NOT NULL,
  cache_group       TEXT    NOT NULL,
  run_id            TEXT    NOT NULL,
  task_id           TEXT    NOT NULL,
  fields            TEXT    NOT NULL,
  output_parameters INTEGER NOT NULL,
  output_artifacts  INTEGER NOT NULL,
  created_at_us     INTEGER NOT NULL,
  PRIMARY KEY (namespace, fingerprint),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX cache_entries_by_group ON cache_entries (namespace, cache_group, created_at_us);
CREATE INDEX cache_entries_by_task ON cache_entries (run_id, task_id);
-- Whether the task was taken from the cache, and from where or why not: a JSON object; empty if it was not asked.
ALTER TABLE tasks ADD COLUMN cache_decision TEXT NOT NULL DEFAULT '';
-- What lay at the artifact when it was made; empty if nobody looked.
ALTER TABLE artifacts ADD COLUMN content_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN content_stat TEXT NOT NULL DEFAULT '';
-- What the run asks of the cache; an age of 0 has no bound.
ALTER TABLE run_configs ADD COLUMN cache_enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE run_configs ADD COLUMN cache_max_age_us INTEGER NOT NULL DEFAULT 0;
