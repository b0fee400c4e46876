DROP INDEX tasks_failed;
