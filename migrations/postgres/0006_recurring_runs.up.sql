-- Recurring runs. next_due_at_us is the first slot that is not decided yet, NULL after the last. wake_at_us is when the
-- scheduler has to look: next_due_at_us, or NULL where it is disabled, over, or waits for one of its runs to end.
CREATE TABLE recurring_runs (
  recurring_run_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  experiment_id       TEXT COLLATE "C" NOT NULL,
  namespace           TEXT COLLATE "C" NOT NULL,
  display_name        TEXT COLLATE "C" NOT NULL,
  description         TEXT COLLATE "C" NOT NULL,
  run_name            TEXT COLLATE "C" NOT NULL,
  service_account     TEXT COLLATE "C" NOT NULL,
  pipeline_id         TEXT COLLATE "C" NOT NULL,
  pipeline_version_id TEXT COLLATE "C" NOT NULL,
  spec_sha256         TEXT COLLATE "C" REFERENCES specs (spec_sha256),
  pipeline_root       TEXT COLLATE "C" NOT NULL,
  max_concurrency     BIGINT           NOT NULL,
  no_catchup          BIGINT           NOT NULL,
  enabled             BIGINT           NOT NULL,
  trigger_kind        TEXT COLLATE "C" NOT NULL CHECK (trigger_kind IN ('ONCE', 'CRON', 'INTERVAL')),
  cron                TEXT COLLATE "C" NOT NULL,
  interval_seconds    BIGINT           NOT NULL,
  start_at_us         BIGINT,
  end_at_us           BIGINT,
  time_zone           TEXT COLLATE "C" NOT NULL,
  created_at_us       BIGINT           NOT NULL,
  updated_at_us       BIGINT           NOT NULL,
  next_due_at_us      BIGINT,
  wake_at_us          BIGINT,
  run_count           BIGINT           NOT NULL,
  revision            BIGINT           NOT NULL,
  error_code          BIGINT           NOT NULL,
  error_message       TEXT COLLATE "C" NOT NULL,
  parameters          TEXT COLLATE "C" NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX recurring_runs_by_created_at ON recurring_runs (created_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_updated_at ON recurring_runs (updated_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_display_name ON recurring_runs (display_name, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment ON recurring_runs (experiment_id, created_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_spec ON recurring_runs (spec_sha256);
CREATE INDEX recurring_runs_due ON recurring_runs (wake_at_us, recurring_run_id) WHERE wake_at_us IS NOT NULL;

-- What became of each slot. A row with slot_count above 1 stands for as many slots, from due_at_us to last_due_at_us.
CREATE TABLE schedule_ticks (
  recurring_run_id TEXT COLLATE "C" NOT NULL REFERENCES recurring_runs (recurring_run_id) ON DELETE CASCADE,
  due_at_us        BIGINT           NOT NULL,
  last_due_at_us   BIGINT           NOT NULL,
  slot_count       BIGINT           NOT NULL,
  decision         TEXT COLLATE "C" NOT NULL
                   CHECK (decision IN ('FIRED', 'CAUGHT_UP', 'OVERLAPPED', 'SKIPPED', 'REFUSED')),
  reason           TEXT COLLATE "C" NOT NULL,
  message          TEXT COLLATE "C" NOT NULL,
  run_id           TEXT COLLATE "C" NOT NULL,
  run_index        BIGINT           NOT NULL,
  decided_at_us    BIGINT           NOT NULL,
  PRIMARY KEY (recurring_run_id, due_at_us)
);

-- Runs that count for max_concurrency.
CREATE INDEX runs_unfinished_of_recurring ON runs (recurring_run_id)
  WHERE recurring_run_id <> '' AND state IN ('PENDING', 'RUNNING', 'CANCELING');
