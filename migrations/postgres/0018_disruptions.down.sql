ALTER TABLE task_attempts DROP COLUMN disrupted;
ALTER TABLE tasks DROP COLUMN wait_message;
