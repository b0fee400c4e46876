DROP TABLE task_records;
DROP INDEX artifacts_by_namespace_created_at;
DROP INDEX tasks_by_parent;
