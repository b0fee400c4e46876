-- Equal for imported artifacts of the same type, URI and metadata, so that an importer finds the earlier one; empty for
-- what tasks made.
ALTER TABLE artifacts ADD COLUMN import_key TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX artifacts_by_import ON artifacts (import_key, artifact_id) WHERE import_key <> '';
-- The shared Python environment of an attempt, and what was installed there.
ALTER TABLE task_attempts ADD COLUMN environment TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE task_attempts ADD COLUMN packages TEXT COLLATE "C" NOT NULL DEFAULT '';
