-- A list of runs shows the task that failed first.
CREATE INDEX tasks_failed ON tasks (run_id, finished_at_us) WHERE state = 'FAILED';
