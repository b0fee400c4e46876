-- Whose executor the attempt was given to: the holder of the lease. Nobody else can find it, and nobody starts it again.
ALTER TABLE task_attempts ADD COLUMN holder TEXT COLLATE "C" NOT NULL DEFAULT '';
