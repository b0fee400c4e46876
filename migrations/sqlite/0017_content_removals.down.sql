DROP TABLE retention_policies;
DROP INDEX model_versions_by_location;
ALTER TABLE specs DROP COLUMN pipeline_name;
DROP TABLE content_removals;
