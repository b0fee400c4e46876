-- Tasks are listed by the task that they are part of.
CREATE INDEX tasks_by_parent ON tasks (run_id, parent_task_id, iteration, task_id);
-- Artifacts of a namespace are listed by time.
CREATE INDEX artifacts_by_namespace_created_at ON artifacts (namespace, created_at_us, uuid);

-- What a client has recorded of a task and the table of tasks has no column for: `record` is a PipelineTask of KFP's API
-- in protobuf's wire form.
CREATE TABLE task_records (
  run_id            TEXT COLLATE "C" NOT NULL,
  task_id           TEXT COLLATE "C" NOT NULL,
  namespace         TEXT COLLATE "C" NOT NULL,
  cache_fingerprint TEXT COLLATE "C" NOT NULL,
  record            BYTEA NOT NULL,
  PRIMARY KEY (run_id, task_id),
  FOREIGN KEY (run_id, task_id) REFERENCES tasks (run_id, task_id) ON DELETE CASCADE
);
CREATE INDEX task_records_by_fingerprint ON task_records (namespace, cache_fingerprint, task_id)
  WHERE cache_fingerprint <> '';
