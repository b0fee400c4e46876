DROP INDEX runs_unfinished_of_recurring;
DROP TABLE schedule_ticks;
DROP TABLE recurring_runs;
