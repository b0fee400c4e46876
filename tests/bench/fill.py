"""Many stored runs, made by the database itself."""

import pathlib
import sqlite3

EXPERIMENTS = 50
NAMESPACES = 5
PIPELINES = 10_000
RECURRING_RUNS = 1_000
FILL_SECONDS = 1_800

# Rows as the stores would have written them, in SQL that both databases read. Names come in another order than times.
FILL = """
    INSERT INTO experiments (experiment_id, namespace, name, description, storage_state, created_at_us,
        last_run_created_at_us)
      {numbers_to_experiments}
      SELECT 'experiment-' || n, 'namespace-' || (n % {namespaces}), 'experiment ' || n, '', 'AVAILABLE',
        n, n
      FROM numbers;
    INSERT INTO runs (run_id, experiment_id, namespace, display_name, description, storage_state, state,
        service_account, pipeline_id, pipeline_version_id, recurring_run_id, created_at_us, scheduled_at_us,
        finished_at_us, number)
      {numbers_to_runs}
      SELECT '01890000-0000-7000-8000-0000' || (10000000 + n), 'experiment-' || (n % {experiments}),
        'namespace-' || (n % {experiments} % {namespaces}), 'training run ' || ((n * 7919) % {runs}), '',
        CASE WHEN n / 50 % 20 = 7 THEN 'ARCHIVED' ELSE 'AVAILABLE' END,
        CASE WHEN n / 50 % 10 < 8 THEN 'SUCCEEDED' WHEN n / 50 % 10 = 8 THEN 'FAILED' ELSE 'CANCELED' END,
        'pipeline-runner', 'pipeline-' || (n % {pipelines}), 'version-' || (n % {pipelines}),
        CASE WHEN n % 5 = 0 THEN 'recurring-' || (n % {recurring}) ELSE '' END, n * 1000000 + 1, n * 1000000 + 1,
        n * 1000000 + 500001, n + 1
      FROM numbers;
    INSERT INTO run_configs (run_id, spec_sha256, parameters, pipeline_root)
      SELECT run_id, (SELECT spec_sha256 FROM specs LIMIT 1), '{{}}', '' FROM runs;
    INSERT INTO run_states (run_id, sequence, state, updated_at_us, error_code, error_message)
      SELECT run_id, s, CASE s WHEN 1 THEN 'PENDING' WHEN 2 THEN 'RUNNING' ELSE state END, created_at_us, 0, ''
      FROM runs, (SELECT 1 AS s UNION ALL SELECT 2 UNION ALL SELECT 3) sequences;
    INSERT INTO run_counts (scope, storage_state, state, runs)
      SELECT 'all', storage_state, state, COUNT(*) FROM runs GROUP BY storage_state, state;
    INSERT INTO run_counts (scope, storage_state, state, runs)
      SELECT 'experiment/' || experiment_id, storage_state, state, COUNT(*) FROM runs
      GROUP BY experiment_id, storage_state, state;
    INSERT INTO run_counts (scope, storage_state, state, runs)
      SELECT 'namespace/' || namespace, storage_state, state, COUNT(*) FROM runs
      GROUP BY namespace, storage_state, state;
    INSERT INTO pipelines (pipeline_id, namespace, name, display_name, description, created_at_us)
      {numbers_to_pipelines}
      SELECT 'pipeline-' || n, '', 'pipeline ' || n, 'pipeline ' || n, '', n FROM numbers;
    INSERT INTO pipeline_versions (pipeline_version_id, pipeline_id, name, display_name, description, package_url,
        code_source_url, spec_sha256, created_at_us)
      SELECT 'version-' || substr(pipeline_id, 10), pipeline_id, 'one', 'one', '', '', '',
        (SELECT spec_sha256 FROM specs LIMIT 1), created_at_us
      FROM pipelines WHERE pipeline_id LIKE 'pipeline-%';
    INSERT INTO recurring_runs (recurring_run_id, experiment_id, namespace, display_name, description, run_name,
        service_account, pipeline_id, pipeline_version_id, spec_sha256, pipeline_root, max_concurrency, no_catchup,
        enabled, trigger_kind, cron, interval_seconds, time_zone, created_at_us, updated_at_us, run_count, revision,
        error_code, error_message, parameters)
      {numbers_to_recurring}
      SELECT 'recurring-' || n, 'experiment-' || (n % {experiments}), '', 'recurring ' || n, '', 'of ' || n,
        'pipeline-runner', 'pipeline-' || n, 'version-' || n, (SELECT spec_sha256 FROM specs LIMIT 1), '', 1, 0, 0,
        'INTERVAL', '', 3600, '', n, n, 0, 0, 0, '', '{{}}' FROM numbers;
"""
COUNTERS = (('pipelines', PIPELINES), ('experiments', EXPERIMENTS), ('recurring_runs', RECURRING_RUNS))

def numbers_to(count: int) -> str:
    return ('WITH RECURSIVE numbers(n) AS (SELECT CAST(0 AS BIGINT) UNION ALL'
            f' SELECT n + 1 FROM numbers WHERE n < {count - 1})')


def fill_sql(runs: int) -> str:
    added = ', '.join(f"('{name}', {count})" for name, count in (*COUNTERS, ('task_numbers', runs)))
    sizes = {'runs': runs, 'experiments': EXPERIMENTS, 'pipelines': PIPELINES, 'recurring': RECURRING_RUNS}
    numbers = {f'numbers_to_{name}': numbers_to(count) for name, count in sizes.items()}
    return FILL.format(**sizes, **numbers, namespaces=NAMESPACES) + f"""
    INSERT INTO counters (name, value) VALUES {added}
      ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value;"""


def fill_sqlite(path: pathlib.Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(f'PRAGMA cache_size = -1000000; BEGIN; {sql} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);')
    connection.close()
