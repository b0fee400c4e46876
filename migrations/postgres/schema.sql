CREATE TABLE artifact_tasks (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  direction TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  artifact_id BIGINT NOT NULL,
  link_id BIGINT NOT NULL,
  io_type TEXT COLLATE "C" NOT NULL,
  producer_task TEXT COLLATE "C" NOT NULL,
  producer_iteration BIGINT,
  role TEXT COLLATE "C" NOT NULL,
  CONSTRAINT artifact_tasks_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(artifact_id) ON DELETE CASCADE,
  CONSTRAINT artifact_tasks_direction_check CHECK ((direction = ANY (ARRAY['INPUT'::text, 'OUTPUT'::text]))),
  CONSTRAINT artifact_tasks_pkey PRIMARY KEY (run_id, task_id, direction, name, "position"),
  CONSTRAINT artifact_tasks_role_check CHECK ((role = ANY (ARRAY['OWN'::text, 'SCOPE'::text, 'CACHE'::text]))),
  CONSTRAINT artifact_tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);
CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks USING btree (artifact_id, link_id);
CREATE UNIQUE INDEX artifact_tasks_by_id ON artifact_tasks USING btree (link_id);
CREATE INDEX artifact_tasks_by_task ON artifact_tasks USING btree (task_id, link_id);

CREATE TABLE artifacts (
  artifact_id BIGINT NOT NULL,
  run_id TEXT COLLATE "C",
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
  uuid TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  size_bytes BIGINT,
  CONSTRAINT artifacts_pkey PRIMARY KEY (artifact_id),
  CONSTRAINT artifacts_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);
CREATE INDEX artifacts_by_created_at ON artifacts USING btree (created_at_us, uuid);
CREATE INDEX artifacts_by_import ON artifacts USING btree (import_key, artifact_id) WHERE (import_key <> ''::text);
CREATE INDEX artifacts_by_name ON artifacts USING btree (name, uuid);
CREATE INDEX artifacts_by_namespace ON artifacts USING btree (namespace, uuid);
CREATE INDEX artifacts_by_namespace_created_at ON artifacts USING btree (namespace, created_at_us, uuid);
CREATE INDEX artifacts_by_run ON artifacts USING btree (run_id, uuid);
CREATE INDEX artifacts_by_type ON artifacts USING btree (schema_title, uuid);
CREATE INDEX artifacts_by_uri ON artifacts USING btree (substr(uri, 1, 128), uuid);
CREATE UNIQUE INDEX artifacts_by_uuid ON artifacts USING btree (uuid);

CREATE TABLE attempt_places (
  place_sha256 TEXT COLLATE "C" NOT NULL,
  size_bytes BIGINT NOT NULL,
  content BYTEA NOT NULL,
  used_at_us BIGINT NOT NULL,
  CONSTRAINT attempt_places_pkey PRIMARY KEY (place_sha256),
);

CREATE TABLE attempt_setups (
  setup_sha256 TEXT COLLATE "C" NOT NULL,
  size_bytes BIGINT NOT NULL,
  content BYTEA NOT NULL,
  used_at_us BIGINT NOT NULL,
  CONSTRAINT attempt_setups_pkey PRIMARY KEY (setup_sha256),
);

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

CREATE TABLE content_removals (
  run_id TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  pipeline_name TEXT COLLATE "C" NOT NULL,
  pipeline_root TEXT COLLATE "C" NOT NULL,
  artifact_location TEXT COLLATE "C" NOT NULL,
  folders TEXT COLLATE "C" NOT NULL,
  unfinished BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  removed_files BIGINT NOT NULL,
  removed_bytes BIGINT NOT NULL,
  kept TEXT COLLATE "C" NOT NULL,
  kept_count BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  error TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  started_at_us BIGINT NOT NULL,
  finished_at_us BIGINT NOT NULL,
  due_at_us BIGINT,
  CONSTRAINT content_removals_pkey PRIMARY KEY (run_id),
  CONSTRAINT content_removals_state_check CHECK ((state = ANY (ARRAY['WAITING'::text, 'RUNNING'::text, 'DONE'::text, 'FAILED'::text]))),
);
CREATE INDEX content_removals_by_created_at ON content_removals USING btree (created_at_us, run_id);
CREATE INDEX content_removals_by_state ON content_removals USING btree (state, run_id);
CREATE INDEX content_removals_due ON content_removals USING btree (due_at_us, run_id) WHERE (due_at_us IS NOT NULL);

CREATE TABLE counters (
  name TEXT COLLATE "C" NOT NULL,
  value BIGINT NOT NULL,
  CONSTRAINT counters_pkey PRIMARY KEY (name),
) WITH (fillfactor=50);

CREATE TABLE datasets (
  artifact_id BIGINT NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  source_type TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  columns TEXT COLLATE "C" NOT NULL,
  profile TEXT COLLATE "C" NOT NULL,
  CONSTRAINT datasets_artifact_id_fkey FOREIGN KEY (artifact_id) REFERENCES artifacts(artifact_id) ON DELETE CASCADE,
  CONSTRAINT datasets_pkey PRIMARY KEY (artifact_id),
);
CREATE INDEX datasets_by_digest ON datasets USING btree (experiment_id, name, digest);

CREATE TABLE experiments (
  experiment_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  storage_state TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  last_run_created_at_us BIGINT NOT NULL,
  artifact_location TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  updated_at_us BIGINT NOT NULL DEFAULT 0,
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
CREATE INDEX experiments_by_updated_at ON experiments USING btree (updated_at_us, experiment_id);

CREATE TABLE input_tags (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  artifact_id BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT input_tags_pkey PRIMARY KEY (run_id, task_id, artifact_id, name),
  CONSTRAINT input_tags_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);

CREATE TABLE leases (
  name TEXT COLLATE "C" NOT NULL,
  holder TEXT COLLATE "C" NOT NULL,
  fence BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  CONSTRAINT leases_pkey PRIMARY KEY (name),
) WITH (fillfactor=50);

CREATE TABLE logged_model_metrics (
  model_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  dataset_name TEXT COLLATE "C" NOT NULL,
  dataset_digest TEXT COLLATE "C" NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  step BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  value BIGINT NOT NULL,
  CONSTRAINT logged_model_metrics_model_id_fkey FOREIGN KEY (model_id) REFERENCES logged_models(model_id) ON DELETE CASCADE,
  CONSTRAINT logged_model_metrics_pkey PRIMARY KEY (model_id, name, dataset_name, dataset_digest),
);

CREATE TABLE logged_model_parameters (
  model_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT logged_model_parameters_model_id_fkey FOREIGN KEY (model_id) REFERENCES logged_models(model_id) ON DELETE CASCADE,
  CONSTRAINT logged_model_parameters_pkey PRIMARY KEY (model_id, name),
);

CREATE TABLE logged_models (
  model_id TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  model_type TEXT COLLATE "C" NOT NULL,
  source_run_id TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  artifact_id BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  CONSTRAINT logged_models_pkey PRIMARY KEY (model_id),
  CONSTRAINT logged_models_status_check CHECK ((status = ANY (ARRAY['PENDING'::text, 'READY'::text, 'UPLOAD_FAILED'::text]))),
);
CREATE INDEX logged_models_by_experiment ON logged_models USING btree (experiment_id, created_at_us, model_id);

CREATE TABLE logged_parameters (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT logged_parameters_pkey PRIMARY KEY (run_id, task_id, name),
  CONSTRAINT logged_parameters_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);

CREATE TABLE metric_points (
  series_id BIGINT NOT NULL,
  step BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  value BIGINT NOT NULL,
  CONSTRAINT metric_points_pkey PRIMARY KEY (series_id, step, at_us, value),
  CONSTRAINT metric_points_series_id_fkey FOREIGN KEY (series_id) REFERENCES metric_series(series_id) ON DELETE CASCADE,
);

CREATE TABLE metric_series (
  series_id BIGINT NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  points BIGINT NOT NULL,
  first_step BIGINT NOT NULL,
  first_at_us BIGINT NOT NULL,
  first_value BIGINT NOT NULL,
  latest_step BIGINT NOT NULL,
  latest_at_us BIGINT NOT NULL,
  latest_value BIGINT NOT NULL,
  least_step BIGINT NOT NULL,
  least_at_us BIGINT NOT NULL,
  least_value BIGINT NOT NULL,
  greatest_step BIGINT NOT NULL,
  greatest_at_us BIGINT NOT NULL,
  greatest_value BIGINT NOT NULL,
  CONSTRAINT metric_series_pkey PRIMARY KEY (series_id),
  CONSTRAINT metric_series_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
  CONSTRAINT metric_series_run_id_task_id_name_key UNIQUE (run_id, task_id, name),
);

CREATE TABLE model_aliases (
  name TEXT COLLATE "C" NOT NULL,
  alias TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  CONSTRAINT model_aliases_name_fkey FOREIGN KEY (name) REFERENCES registered_models(name) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT model_aliases_pkey PRIMARY KEY (name, alias),
);

CREATE TABLE model_links (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  direction TEXT COLLATE "C" NOT NULL,
  model_id TEXT COLLATE "C" NOT NULL,
  step BIGINT NOT NULL,
  CONSTRAINT model_links_direction_check CHECK ((direction = ANY (ARRAY['INPUT'::text, 'OUTPUT'::text]))),
  CONSTRAINT model_links_model_id_fkey FOREIGN KEY (model_id) REFERENCES logged_models(model_id) ON DELETE CASCADE,
  CONSTRAINT model_links_pkey PRIMARY KEY (run_id, task_id, direction, model_id),
  CONSTRAINT model_links_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);
CREATE INDEX model_links_by_model ON model_links USING btree (model_id);

CREATE TABLE model_tags (
  name TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  tag TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT model_tags_name_fkey FOREIGN KEY (name) REFERENCES registered_models(name) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT model_tags_pkey PRIMARY KEY (name, version, tag),
);

CREATE TABLE model_versions (
  name TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  location TEXT COLLATE "C" NOT NULL,
  run_id TEXT COLLATE "C" NOT NULL,
  run_link TEXT COLLATE "C" NOT NULL,
  model_id TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  CONSTRAINT model_versions_name_fkey FOREIGN KEY (name) REFERENCES registered_models(name) ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT model_versions_pkey PRIMARY KEY (name, version),
);
CREATE INDEX model_versions_by_location ON model_versions USING btree (substr(location, 1, 128), name, version);
CREATE INDEX model_versions_by_model ON model_versions USING btree (model_id, name, version);
CREATE INDEX model_versions_by_run ON model_versions USING btree (run_id, name, version);

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

CREATE TABLE registered_models (
  name TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  versions BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  CONSTRAINT registered_models_pkey PRIMARY KEY (name),
);

CREATE TABLE retention_policies (
  policy_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  enabled BIGINT NOT NULL,
  max_age_us BIGINT NOT NULL,
  max_runs BIGINT NOT NULL,
  states TEXT COLLATE "C" NOT NULL,
  storage TEXT COLLATE "C" NOT NULL,
  keep_latest BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  previewed_revision BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  applied_at_us BIGINT NOT NULL,
  deleted_runs BIGINT NOT NULL,
  CONSTRAINT retention_policies_pkey PRIMARY KEY (policy_id),
  CONSTRAINT retention_policies_storage_check CHECK ((storage = ANY (ARRAY['ANY'::text, 'AVAILABLE'::text, 'ARCHIVED'::text]))),
);

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

CREATE TABLE run_metrics (
  run_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  value BIGINT NOT NULL,
  step BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  CONSTRAINT run_metrics_pkey PRIMARY KEY (run_id, name),
  CONSTRAINT run_metrics_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);
CREATE INDEX run_metrics_by_experiment ON run_metrics USING btree (experiment_id, name, value, run_id);
CREATE INDEX run_metrics_by_value ON run_metrics USING btree (name, value, run_id);

CREATE TABLE run_parameters (
  run_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  CONSTRAINT run_parameters_pkey PRIMARY KEY (run_id, name),
  CONSTRAINT run_parameters_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
);
CREATE INDEX run_parameters_by_value ON run_parameters USING btree (name, substr(value, 1, 128), run_id);

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
  number BIGINT NOT NULL DEFAULT 0,
  driver TEXT COLLATE "C" NOT NULL DEFAULT 'ENGINE'::text,
  CONSTRAINT runs_driver_check CHECK ((driver = ANY (ARRAY['ENGINE'::text, 'CLIENT'::text]))),
  CONSTRAINT runs_pkey PRIMARY KEY (run_id),
  CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'SUCCEEDED'::text, 'FAILED'::text, 'CANCELING'::text, 'CANCELED'::text]))),
  CONSTRAINT runs_storage_state_check CHECK ((storage_state = ANY (ARRAY['AVAILABLE'::text, 'ARCHIVED'::text]))),
);
CREATE INDEX runs_by_created_at ON runs USING btree (storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_description ON runs USING btree (substr(description, 1, 128), run_id);
CREATE INDEX runs_by_display_name ON runs USING btree (storage_state, state, display_name, run_id);
CREATE INDEX runs_by_experiment_created_at ON runs USING btree (experiment_id, storage_state, state, created_at_us, run_id);
CREATE INDEX runs_by_experiment_display_name ON runs USING btree (experiment_id, storage_state, state, display_name, run_id);
CREATE INDEX runs_by_experiment_start ON runs USING btree (experiment_id, storage_state, scheduled_at_us DESC, run_id);
CREATE INDEX runs_by_finished_at ON runs USING btree (finished_at_us, run_id);
CREATE INDEX runs_by_namespace_created_at ON runs USING btree (namespace, storage_state, state, created_at_us, run_id);
CREATE UNIQUE INDEX runs_by_number ON runs USING btree (number);
CREATE INDEX runs_by_pipeline ON runs USING btree (pipeline_id, run_id);
CREATE INDEX runs_by_pipeline_version ON runs USING btree (pipeline_version_id, run_id);
CREATE INDEX runs_by_recurring_run ON runs USING btree (recurring_run_id, run_id);
CREATE INDEX runs_by_scheduled_at ON runs USING btree (scheduled_at_us, run_id);
CREATE INDEX runs_to_drive ON runs USING btree (state, created_at_us, run_id) WHERE ((driver = 'ENGINE'::text) AND (finished_at_us = 0));
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
  pipeline_name TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  CONSTRAINT specs_pkey PRIMARY KEY (spec_sha256),
);

CREATE TABLE tags (
  owner_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL DEFAULT 'STRING'::text,
  number_order BIGINT,
  CONSTRAINT tags_pkey PRIMARY KEY (owner_id, name),
  CONSTRAINT tags_type_check CHECK ((type = ANY (ARRAY['STRING'::text, 'NUMBER'::text, 'BOOLEAN'::text, 'JSON'::text]))),
);
CREATE INDEX tags_by_number ON tags USING btree (name, number_order, owner_id) WHERE (number_order IS NOT NULL);
CREATE INDEX tags_by_value ON tags USING btree (name, substr(value, 1, 128), owner_id);

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
  setup_sha256 TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  place_sha256 TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  disrupted BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT task_attempts_outcome_check CHECK ((outcome = ANY (ARRAY[''::text, 'SUCCEEDED'::text, 'FAILED'::text, 'TIMED_OUT'::text, 'CANCELED'::text, 'LOST'::text]))),
  CONSTRAINT task_attempts_pkey PRIMARY KEY (run_id, task_id, number),
  CONSTRAINT task_attempts_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);
CREATE INDEX task_attempts_by_setup ON task_attempts USING btree (setup_sha256);

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

CREATE TABLE task_records (
  run_id TEXT COLLATE "C" NOT NULL,
  task_id TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C" NOT NULL,
  cache_fingerprint TEXT COLLATE "C" NOT NULL,
  record BYTEA NOT NULL,
  CONSTRAINT task_records_pkey PRIMARY KEY (run_id, task_id),
  CONSTRAINT task_records_run_id_task_id_fkey FOREIGN KEY (run_id, task_id) REFERENCES tasks(run_id, task_id) ON DELETE CASCADE,
);
CREATE INDEX task_records_by_fingerprint ON task_records USING btree (namespace, cache_fingerprint, task_id) WHERE (cache_fingerprint <> ''::text);

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
  number BIGINT NOT NULL DEFAULT 0,
  recorded BIGINT NOT NULL DEFAULT 0,
  description TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  wait_message TEXT COLLATE "C" NOT NULL DEFAULT ''::text,
  CONSTRAINT tasks_pkey PRIMARY KEY (run_id, task_id),
  CONSTRAINT tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs(run_id) ON DELETE CASCADE,
  CONSTRAINT tasks_state_check CHECK ((state = ANY (ARRAY['PENDING'::text, 'RUNNING'::text, 'SUCCEEDED'::text, 'SKIPPED'::text, 'FAILED'::text, 'CANCELING'::text, 'CANCELED'::text]))),
);
CREATE UNIQUE INDEX tasks_by_number ON tasks USING btree (number);
CREATE INDEX tasks_by_parent ON tasks USING btree (run_id, parent_task_id, iteration, task_id);
CREATE INDEX tasks_failed ON tasks USING btree (run_id, finished_at_us) WHERE (state = 'FAILED'::text);

