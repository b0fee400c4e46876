// What the API answers, as far as the pages read it. Numbers of 64 bits come as texts.

export type State =
  | 'PENDING'
  | 'RUNNING'
  | 'SUCCEEDED'
  | 'FAILED'
  | 'SKIPPED'
  | 'CANCELED'
  | 'CANCELING'
  | 'CACHED'
  | 'PAUSED'
  | 'RUNTIME_STATE_UNSPECIFIED';

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface FoundRun {
  run_id: string;
  display_name: string;
  experiment_id: string;
  status: State;
  created_at: string;
  finished_at?: string;
  pipeline_version_id?: string;
  parameters?: Record<string, string>;
  metrics?: Record<string, number | string>; // NaN and infinities are texts
  tags?: Record<string, string>;
  archived?: boolean;
  experiment_display_name?: string;
  pipeline_id?: string;
  pipeline_display_name?: string;
  pipeline_version_display_name?: string;
  recurring_run_id?: string;
  failure?: RunFailure;
}

export interface RunFailure {
  task_id?: string;
  task_display_name?: string;
  message?: string;
  log_tail?: string;
}

export interface StateAt {
  update_time: string;
  state: State;
}

export interface ApiStatus {
  code?: number;
  message?: string;
}

export interface Run {
  run_id: string;
  display_name: string;
  description?: string;
  experiment_id: string;
  storage_state?: string;
  state: State;
  error?: ApiStatus;
  created_at: string;
  scheduled_at?: string;
  finished_at?: string;
  recurring_run_id?: string;
  service_account?: string;
  pipeline_version_reference?: { pipeline_id: string; pipeline_version_id: string };
  pipeline_spec?: { [name: string]: Json };
  runtime_config?: { parameters?: Record<string, Json>; pipeline_root?: string };
  state_history?: StateAt[];
  task_count?: number;
  plugins_input?: Record<string, Json>;
}

export interface ArtifactOfTask {
  artifact_id: string;
  name: string;
  type: string;
  uri: string;
  metadata?: Record<string, Json>;
  created_at: string;
}

export interface ParameterIO {
  parameter_key: string;
  value: Json;
  type: string;
  producer?: { task_name?: string; iteration?: string };
}

export interface ArtifactIO {
  artifact_key: string;
  type: string;
  producer?: { task_name?: string; iteration?: string };
  artifacts?: ArtifactOfTask[];
}

export interface TaskIO {
  parameters?: ParameterIO[];
  artifacts?: ArtifactIO[];
}

export type TaskType =
  'ROOT' | 'RUNTIME' | 'CONDITION_BRANCH' | 'CONDITION' | 'LOOP' | 'EXIT_HANDLER' | 'IMPORTER' | 'DAG';

export interface Task {
  task_id: string;
  run_id: string;
  parent_task_id?: string;
  name: string;
  display_name?: string;
  scope_path?: string;
  type: TaskType;
  state: State;
  create_time: string;
  end_time?: string;
  state_history?: StateAt[];
  type_attributes?: { iteration_index?: string; iteration_count?: string };
  status_metadata?: { message?: string };
  pods?: { name: string; type: string }[];
  inputs?: TaskIO;
  outputs?: TaskIO;
}

export interface TaskReference {
  task_id: string;
  name: string;
  state: State;
}

export interface Wait {
  reason: string;
  message: string;
  until?: string;
  tasks?: TaskReference[];
  holders?: { run_id: string; run_display_name: string; task: string; cpu_millicores?: string; since?: string }[];
  setting?: string;
}

export interface AttemptStatus {
  number: number;
  attempt_id: string;
  outcome?: string;
  exit_code?: number;
  signal?: number;
  message?: string;
  log_tail?: string;
  cpu_time?: string;
  max_rss_bytes?: string;
  started_at?: string;
  finished_at?: string;
}

export interface TaskStatus {
  task_id: string;
  parent_task_id?: string;
  name: string;
  display_name?: string;
  iteration?: number;
  state: State;
  wait?: Wait;
  skipped_because_of?: TaskReference;
  error?: ApiStatus;
  attempts?: AttemptStatus[];
  cache?: CacheStatus;
}

export interface CacheStatus {
  result: 'HIT' | 'MISS' | 'NOT_ASKED';
  reason?: string;
  field?: string;
  run_id?: string;
  task_id?: string;
}

export interface RunStatus {
  run_id: string;
  state: State;
  wait?: Wait;
  error?: ApiStatus;
  notes?: string[];
  tasks?: TaskStatus[];
  tasks_left_out?: number;
  display_name: string;
  experiment_id: string;
  created_at: string;
  finished_at?: string;
}

export interface RunStatusChange {
  status: RunStatus; // with all tasks at first, in parts, then with those that changed
  removed_task_ids?: string[];
  tasks_to_come?: number; // of those at first
}

export interface Experiment {
  experiment_id: string;
  display_name: string;
  description?: string;
  created_at: string;
  last_run_created_at?: string;
  storage_state?: string;
}
