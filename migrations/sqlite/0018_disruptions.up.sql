-- What a task waits for, in the words of who makes it wait.
ALTER TABLE tasks ADD COLUMN wait_message TEXT NOT NULL DEFAULT '';

-- Attempts that are LOST because their platform ended them, or could not run them.
ALTER TABLE task_attempts ADD COLUMN disrupted INTEGER NOT NULL DEFAULT 0;
