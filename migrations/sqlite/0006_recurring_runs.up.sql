-- Recurring runs. next_due_at_us is the first slot that is not decided yet, NULL after the last. wake_at_us is when the
-- scheduler has to look: next_due_at_us, or NULL where it is disabled, over, or waits for one of its runs to end.
CREATE TABLE recurring_runs (
  recurring_run_id    TEXT    NOT NULL PRIMARY KEY,
  experiment_id       TEXT    NOT NULL,
  namespace           TEXT    NOT NULL,
  display_name        TEXT    NOT NULL,
  description         TEXT    NOT NULL,
  run_name            TEXT    NOT NULL,
  service_account     TEXT    NOT NULL,
  pipeline_id         TEXT    NOT NULL,
  pipeline_version_id TEXT    NOT NULL,
  spec_sha256         TEXT    REFERENCES specs (spec_sha256),
  pipeline_root       TEXT    NOT NULL,
  max_concurrency     INTEGER NOT NULL,
  no_catchup          INTEGER NOT NULL,
  enabled             INTEGER NOT NULL,
  trigger_kind        TEXT    NOT NULL CHECK (trigger_kind IN ('ONCE', 'CRON', 'INTERVAL')),
  cron                TEXT    NOT NULL,
  interval_seconds    INTEGER NOT NULL,
  start_at_us         INTEGER,
  end_at_us           INTEGER,
  time_zone           TEXT    NOT NULL,
  created_at_us       INTEGER NOT NULL,
  updated_at_us       INTEGER NOT NULL,
  next_due_at_us      INTEGER,
  wake_at_us          INTEGER,
  run_count           INTEGER NOT NULL,
  revision            INTEGER NOT NULL,
  error_code          INTEGER NOT NULL,
  error_message       TEXT    NOT NULL,
  parameters          TEXT    NOT NULL
);
CREATE INDEX recurring_runs_by_created_at ON recurring_runs (created_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_updated_at ON recurring_runs (updated_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_display_name ON recurring_runs (display_name, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment ON recurring_runs (experiment_id, created_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_spec ON recurring_runs (spec_sha256);
CREATE INDEX recurring_runs_due ON recurring_runs (wake_at_us, recurring_run_id) WHERE wake_at_us IS NOT NULL;

-- What became of each slot. A row with slot_count above 1 stands for as many slots, from due_at_us to last_due_at_us.
CREATE TABLE schedule_ticks (
  recurring_run_id TEXT    NOT NULL REFERENCES recurring_runs (recurring_run_id) ON DELETE CASCADE,
  due_at_us        INTEGER NOT NULL,
  last_due_at_us   INTEGER NOT NULL,
  slot_count       INTEGER NOT NULL,
  decision         TEXT    NOT NULL
                   CHECK (decision IN ('FIRED', 'CAUGHT_UP', 'OVERLAPPED', 'SKIPPED', 'REFUSED')),
  reason           TEXT    NOT NULL,
  message          TEXT    NOT NULL,
  run_id           TEXT    NOT NULL,
  run_index        INTEGER NOT NULL,
  decided_at_us    INTEGER NOT NULL,
  PRIMARY KEY (recurring_run_id, due_at_us)
) WITHOUT ROWID;

-- Runs that count for max_concurrency.
CREATE INDEX runs_unfinished_of_recurring ON runs (recurring_run_id)
  WHERE recurring_run_id <> '' AND state IN ('PENDING', 'RUNNING', 'CANCELING');
