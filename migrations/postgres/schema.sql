CREATE TABLE artifact_tasks (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  direction TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  artifact_id BIGINT NOT NULL,
  CONSTRAINT artifact_tasks_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(artifact_id) ON DELETE CASCADE,
  CONSTRAINT artifact_tasks_direction_check CHECK ((direction = ANY (ARRAY['INPUT'::text, 'OUTPUT'::text]))),
  CONSTRAINT artifact_tasks_pkey PRIMARY KEY (run_id, task_id, direction, name, "position"),
  CONSTRAINT artifact_tasks_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);
CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks USING btree (artifact_id);

CREATE TABLE artifacts (
  artifact_id BIGINT NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  schema_title TEXT COLLATE "C" NOT NULL,
  schema_version TEXT COLLATE "C" NOT NULL,
  uri TEXT COLLATE "C" NOT NULL,
  custom_path TEXT COLLATE "C" NOT NULL,
  metadata TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  content_sha256 TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  content_stat TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  import_key TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  CONSTRAINT artifacts_pkey PRIMARY KEY (artifact_id),
  CONSTRAINT artifacts_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);
CREATE INDEX artifacts_by_import ON artifacts USING btree (import_key, artifact_id) WHERE (import_key <> ''::text);
CREATE INDEX artifacts_by_run ON artifacts USING btree (run_id);

CREATE TABLE cache_entries (
  namespace TEXT COLLATE "C" NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL,
  cache_group TEXT COLLATE "C" NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  fields TEXT COLLATE "C" NOT NULL,
  output_parameters BIGINT NOT NULL,
  output_artifacts BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  CONSTRAINT cache_entries_pkey PRIMARY KEY (namespace, fingerprint),
  CONSTRAINT cache_entries_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);
CREATE INDEX cache_entries_by_group ON cache_entries USING btree (namespace, cache_group, created_at_us);
CREATE INDEX cache_entries_by_task ON cache_entries USING btree (run_id, task_id);

CREATE TABLE counters (
  name TEXT COLLATE "C" NOT NULL,
  value BIGINT NOT NULL,
  CONSTRAINT counters_pkey PRIMARY KEY (name),
) WITH (fillfactor=50);

CREATE TABLE experiments (
  experiment_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  storage_state TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  last_run_created_at_us BIGINT NOT NULL,
  CONSTRAINT experiments_namespace_name_key UNIQUE (namespace, name),
  CONSTRAINT experiments_pkey PRIMARY KEY (experiment_id),
  CONSTRAINT experiments_storage_state_check CHECK ((storage_state = ANY (ARRAY['AVAILABLE'::text, 'ARCHIVED'::text]))),
);
CREATE INDEX experiments_by_created_at ON experiments USING btree (created_at_us, experiment_id);
CREATE INDEX experiments_by_description ON experiments USING btree (substr(description, 1, 128), experiment_id);
CREATE INDEX experiments_by_last_run ON experiments USING btree (last_run_created_at_us, experiment_id);
CREATE INDEX experiments_by_name ON experiments USING btree (name, experiment_id);
CREATE INDEX experiments_by_namespace ON experiments USING btree (namespace, experiment_id);
CREATE INDEX experiments_by_storage_state ON experiments USING btree (storage_state, experiment_id);

CREATE TABLE leases (
  name TEXT COLLATE "C" NOT NULL,
  holder TEXT COLLATE "C" NOT NULL,
  fence BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  CONSTRAINT leases_pkey PRIMARY KEY (name),
) WITH (fillfactor=50);

CREATE TABLE pipeline_versions (
  pipeline_version_id TEXT COLLATE "C" NOT NULL,
  pipeline_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  package_url TEXT COLLATE "C" NOT NULL,
  code_source_url TEXT COLLATE "C" NOT NULL,
  spec_sha256 TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  CONSTRAINT pipeline_versions_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES pipelines(pipeline_id) ON DELETE CASCADE,
  CONSTRAINT pipeline_versions_pipeline_id_name_key UNIQUE (pipeline_id, name),
  CONSTRAINT pipeline_versions_pkey PRIMARY KEY (pipeline_version_id),
  CONSTRAINT pipeline_versions_spec_sha256_fkey FOREIGN KEY (spec_sha256) REFERENCES specs(spec_sha256),
);
CREATE INDEX pipeline_versions_by_created_at ON pipeline_versions USING btree (pipeline_id, created_at_us, pipeline_version_id);
CREATE INDEX pipeline_versions_by_description ON pipeline_versions USING btree (pipeline_id, substr(description, 1, 128), pipeline_version_id);
CREATE INDEX pipeline_versions_by_display_name ON pipeline_versions USING btree (pipeline_id, display_name, pipeline_version_id);
CREATE INDEX pipeline_versions_by_id ON pipeline_versions USING btree (pipeline_id, pipeline_version_id);
CREATE INDEX pipeline_versions_by_name ON pipeline_versions USING btree (pipeline_id, name, pipeline_version_id);
CREATE INDEX pipeline_versions_by_spec ON pipeline_versions USING btree (spec_sha256);

CREATE TABLE pipelines (
  pipeline_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  CONSTRAINT pipelines_namespace_name_key UNIQUE (namespace, name),
  CONSTRAINT pipelines_pkey PRIMARY KEY (pipeline_id),
);
CREATE INDEX pipelines_by_created_at ON pipelines USING btree (created_at_us, pipeline_id);
CREATE INDEX pipelines_by_description ON pipelines USING btree (substr(description, 1, 128), pipeline_id);
CREATE INDEX pipelines_by_display_name ON pipelines USING btree (display_name, pipeline_id);
CREATE INDEX pipelines_by_name ON pipelines USING btree (name, pipeline_id);
CREATE INDEX pipelines_by_namespace ON pipelines USING btree (namespace, pipeline_id);

CREATE TABLE recurring_runs (
  recurring_run_id TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  run_name TEXT COLLATE "C" NOT NULL,
  service_account TEXT COLLATE "C" NOT NULL,
  pipeline_id TEXT COLLATE "C" NOT NULL,
  pipeline_version_id TEXT COLLATE "C" NOT NULL,
  spec_sha256 TEXT COLLATE "C",
  pipeline_root TEXT COLLATE "C" NOT NULL,
  max_concurrency BIGINT NOT NULL,
  no_catchup BIGINT NOT NULL,
  enabled BIGINT NOT NULL,
  trigger_kind TEXT COLLATE "C" NOT NULL,
  cron TEXT COLLATE "C" NOT NULL,
  interval_seconds BIGINT NOT NULL,
  start_at_us BIGINT,
  end_at_us BIGINT,
  time_zone TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  next_due_at_us BIGINT,
  wake_at_us BIGINT,
  run_count BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  error_code BIGINT NOT NULL,
  error_message TEXT COLLATE "C" NOT NULL,
  parameters TEXT COLLATE "C" NOT NULL,
  plugins_input TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  cache_enabled BIGINT NOT NULL DEFAULT 1,
  cache_max_age_us BIGINT NOT NULL DEFAULT 0,
  enabled_at_us BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT recurring_runs_pkey PRIMARY KEY (recurring_run_id),
  CONSTRAINT recurring_runs_spec_sha256_fkey FOREIGN KEY (spec_sha256) REFERENCES specs(spec_sha256),
  CONSTRAINT recurring_runs_trigger_kind_check CHECK ((trigger_kind = ANY (ARRAY['ONCE'::text, 'CRON'::text, 'INTERVAL'::text]))),
) WITH (fillfactor=80);
CREATE INDEX recurring_runs_by_created_at ON recurring_runs USING btree (created_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_description ON recurring_runs USING btree (substr(description, 1, 128), recurring_run_id);
CREATE INDEX recurring_runs_by_display_name ON recurring_runs USING btree (display_name, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment ON recurring_runs USING btree (experiment_id, created_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_description ON recurring_runs USING btree (experiment_id, substr(description, 1, 128), recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_display_name ON recurring_runs USING btree (experiment_id, display_name, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_id ON recurring_runs USING btree (experiment_id, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment_updated_at ON recurring_runs USING btree (experiment_id, updated_at_us, recurring_run_id);
CREATE INDEX recurring_runs_by_spec ON recurring_runs USING btree (spec_sha256);
CREATE INDEX recurring_runs_by_updated_at ON recurring_runs USING btree (updated_at_us, recurring_run_id);
CREATE INDEX recurring_runs_due ON recurring_runs USING btree (wake_at_us, recurring_run_id) WHERE (wake_at_us IS NOT NULL);

CREATE TABLE run_configs (
  run_id TEXT COLLATE "C" NOT NULL,
  spec_sha256 TEXT COLLATE "C" NOT NULL,
  parameters TEXT COLLATE "C" NOT NULL,
  pipeline_root TEXT COLLATE "C" NOT NULL,
  plugins_input TEXT NOT NULL DEFAULT ''::text,
  cache_enabled BIGINT NOT NULL DEFAULT 1,
  cache_max_age_us BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT run_configs_pkey PRIMARY KEY (run_id),
  CONSTRAINT run_configs_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
  CONSTRAINT run_configs_spec_sha256_fkey FOREIGN KEY (spec_sha256) REFERENCES specs(spec_sha256),
);
CREATE INDEX run_configs_by_spec ON run_configs USING btree (spec_sha256);

CREATE TABLE run_counts (
  scope TEXT COLLATE "C" NOT NULL,
  storage_state TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  runs BIGINT NOT NULL,
  CONSTRAINT run_counts_pkey PRIMARY KEY (scope, storage_state, state),
) WITH (fillfactor=50);

CREATE TABLE run_requests (
  request_id TEXT COLLATE "C" NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  request_sha256 TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  CONSTRAINT run_requests_pkey PRIMARY KEY (request_id),
);
CREATE INDEX run_requests_by_created_at ON run_requests USING btree (created_at_us);

CREATE TABLE run_states (
  run_id TEXT COLLATE "C" NOT NULL,
  sequence BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  updated_at_us BIGINT NOT NULL,
  error_code BIGINT NOT NULL,
  error_message TEXT COLLATE "C" NOT NULL,
  CONSTRAINT run_states_pkey PRIMARY KEY (run_id, sequence),
  CONSTRAINT run_states_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);

CREATE TABLE runs (
  run_id TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  storage_state TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  service_account TEXT COLLATE "C" NOT NULL,
  pipeline_id TEXT COLLATE "C" NOT NULL,
  pipeline_version_id TEXT COLLATE "C" NOT NULL,
  recurring_run_id TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  scheduled_at_us BIGINT NOT NULL,
  finished_at_us BIGINT NOT NULL,
  CONSTRAINT runs_pkey PRIMARY KEY (run_id),
  CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'SUCCEEDED'::text, 'FAILED'::text, 'CANCELING'::text, 'CANCELED'::text]))),
  CONSTRAINT runs_storage_state_check CHECK ((storage_state = ANY (ARRAY['AVAILABLE'::text, 'ARCHIVED'::text]))),
);
CREATE INDEX runs_by_created_at ON runs USING btree (storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_description ON runs USING btree (substr(description, 1, 128), run_id);
CREATE INDEX runs_by_display_name ON runs USING btree (storage_state, state, display_name, run_id);
CREATE INDEX runs_by_experiment_created_at ON runs USING btree (experiment_id, storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_experiment_display_name ON runs USING btree (experiment_id, storage_state, state, display_name, run_id);
CREATE INDEX runs_by_finished_at ON runs USING btree (finished_at_us, run_id);
CREATE INDEX runs_by_namespace_created_at ON runs USING btree (namespace, storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_pipeline ON runs USING btree (pipeline_id, run_id);
CREATE INDEX runs_by_pipeline_version ON runs USING btree (pipeline_version_id, run_id);
CREATE INDEX runs_by_recurring_run ON runs USING btree (recurring_run_id, run_id);
CREATE INDEX runs_by_scheduled_at ON runs USING btree (scheduled_at_us, run_id);
CREATE INDEX runs_unfinished_of_recurring ON runs USING btree (recurring_run_id) WHERE ((recurring_run_id <> ''::text) AND (state = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'CANCELING'::text])));

CREATE TABLE schedule_ticks (
  recurring_run_id TEXT COLLATE "C" NOT NULL,
  due_at_us BIGINT NOT NULL,
  last_due_at_us BIGINT NOT NULL,
  slot_count BIGINT NOT NULL,
  decision TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  message TEXT COLLATE "C" NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  run_index BIGINT NOT NULL,
  decided_at_us BIGINT NOT NULL,
  CONSTRAINT schedule_ticks_decision_check CHECK ((decision = ANY (ARRAY['FIRED'::text, 'CAUGHT_UP'::text, 'OVERLAPPED'::text, 'SKIPPED'::text, 'REFUSED'::text]))),
  CONSTRAINT schedule_ticks_pkey PRIMARY KEY (recurring_run_id, due_at_us),
  CONSTRAINT schedule_ticks_recurring_run_id_fkey FOREIGN KEY (recurring_run_id) REFERENCES recurring_runs(recurring_run_id) ON DELETE CASCADE,
);

CREATE TABLE schema_migrations (
  version BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  checksum TEXT COLLATE "C" NOT NULL,
  applied_at_us BIGINT NOT NULL,
  CONSTRAINT schema_migrations_pkey PRIMARY KEY (version),
);

CREATE TABLE settings (
  name TEXT COLLATE "C" NOT NULL,
  value BYTEA NOT NULL,
  CONSTRAINT settings_pkey PRIMARY KEY (name),
);

CREATE TABLE specs (
  spec_sha256 TEXT COLLATE "C" NOT NULL,
  size_bytes BIGINT NOT NULL,
  content BYTEA NOT NULL,
  CONSTRAINT specs_pkey PRIMARY KEY (spec_sha256),
);

CREATE TABLE tags (
  owner_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT tags_pkey PRIMARY KEY (owner_id, name),
);
CREATE INDEX tags_by_value ON tags USING btree (name, value, owner_id);

CREATE TABLE task_attempts (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  number BIGINT NOT NULL,
  attempt_id TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL,
  exit_code BIGINT,
  signal BIGINT,
  message TEXT COLLATE "C" NOT NULL,
  log_tail TEXT COLLATE "C" NOT NULL,
  log_path TEXT COLLATE "C" NOT NULL,
  cpu_time_us BIGINT NOT NULL,
  max_rss_bytes BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  started_at_us BIGINT NOT NULL,
  finished_at_us BIGINT NOT NULL,
  holder TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  environment TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  packages TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  CONSTRAINT task_attempts_outcome_check CHECK ((outcome = ANY (ARRAY[''::text, 'SUCCEEDED'::text, 'FAILED'::text, 'TIMED_OUT'::text, 'CANCELED'::text, 'LOST'::text]))),
  CONSTRAINT task_attempts_pkey PRIMARY KEY (run_id, task_id, number),
  CONSTRAINT task_attempts_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);

CREATE TABLE task_parameters (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  direction TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT task_parameters_direction_check CHECK ((direction = ANY (ARRAY['INPUT'::text, 'OUTPUT'::text]))),
  CONSTRAINT task_parameters_pkey PRIMARY KEY (run_id, task_id, direction, name),
  CONSTRAINT task_parameters_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);

CREATE TABLE task_states (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  sequence BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  updated_at_us BIGINT NOT NULL,
  CONSTRAINT task_states_pkey PRIMARY KEY (run_id, task_id, sequence),
  CONSTRAINT task_states_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);

CREATE TABLE tasks (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  parent_task_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  display_name TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  wait_reason TEXT COLLATE "C" NOT NULL,
  error_code BIGINT NOT NULL,
  error_message TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  started_at_us BIGINT NOT NULL,
  finished_at_us BIGINT NOT NULL,
  iteration BIGINT NOT NULL DEFAULT '-1'::integer,
  wake_at_us BIGINT NOT NULL DEFAULT 0,
  attempts_before BIGINT NOT NULL DEFAULT 0,
  cache_decision TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  CONSTRAINT tasks_pkey PRIMARY KEY (run_id, task_id),
  CONSTRAINT tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
  CONSTRAINT tasks_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'SUCCEEDED'::text, 'SKIPPED'::text, 'FAILED'::text, 'CANCELING'::text, 'CANCELED'::text]))),
);

