-- Numbers by which programs that know no other ids name runs and tasks: one sequence for both, from the counter
-- 'task_numbers'. A run's is that of its root.
ALTER TABLE runs ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
-- Who moves the run: the engine, or the client that records what it does elsewhere.
ALTER TABLE runs ADD COLUMN driver TEXT NOT NULL DEFAULT 'ENGINE' CHECK (driver IN ('ENGINE', 'CLIENT'));
ALTER TABLE tasks ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
-- Whether a client records the task; the engine then leaves it alone.
ALTER TABLE tasks ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN description TEXT NOT NULL DEFAULT '';
UPDATE runs SET number = n.number
  FROM (SELECT run_id, row_number() OVER (ORDER BY created_at_us, run_id) AS number FROM runs) AS n
  WHERE runs.run_id = n.run_id;
UPDATE tasks SET number = n.number + (SELECT COALESCE(MAX(number), 0) FROM runs)
  FROM (SELECT run_id, task_id, row_number() OVER (ORDER BY created_at_us, run_id, task_id) AS number FROM tasks) AS n
  WHERE tasks.run_id = n.run_id AND tasks.task_id = n.task_id;
INSERT INTO counters (name, value)
  SELECT 'task_numbers', (SELECT COUNT(*) FROM runs) + (SELECT COUNT(*) FROM tasks)
  WHERE EXISTS (SELECT 1 FROM runs);
CREATE UNIQUE INDEX runs_by_number ON runs (number);
CREATE UNIQUE INDEX tasks_by_number ON tasks (number);
-- Those that the engine has to find again: they have not ended.
CREATE INDEX runs_to_drive ON runs (state, created_at_us, run_id) WHERE driver = 'ENGINE' AND finished_at_us = 0;

-- Artifacts need no run: clients register what they have. Links name the root of a run by an empty task id.
DROP INDEX artifact_tasks_by_artifact;
DROP INDEX artifacts_by_import;
DROP INDEX artifacts_by_run;
ALTER TABLE artifact_tasks RENAME TO artifact_tasks_before;
ALTER TABLE artifacts RENAME TO artifacts_before;
CREATE TABLE artifacts (
  artifact_id    INTEGER NOT NULL PRIMARY KEY,
  uuid           TEXT    NOT NULL,
  run_id         TEXT    REFERENCES runs (run_id) ON DELETE CASCADE,
  namespace      TEXT    NOT NULL,
  name           TEXT    NOT NULL,
  description    TEXT    NOT NULL,
  schema_title   TEXT    NOT NULL,
  schema_version TEXT    NOT NULL,
  uri            TEXT    NOT NULL,
  custom_path    TEXT    NOT NULL,
  metadata       TEXT    NOT NULL,
  size_bytes     INTEGER,
  content_sha256 TEXT    NOT NULL,
  content_stat   TEXT    NOT NULL,
  import_key     TEXT    NOT NULL,
  created_at_us  INTEGER NOT NULL
);
INSERT INTO artifacts
  SELECT a.artifact_id,
         lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' ||
               substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
         a.run_id, (SELECT r.namespace FROM runs r WHERE r.run_id = a.run_id), a.name, '', a.schema_title,
         a.schema_version, a.uri, a.custom_path, a.metadata, NULL, a.content_sha256, a.content_stat, a.import_key,
         a.created_at_us
  FROM artifacts_before a;
CREATE UNIQUE INDEX artifacts_by_uuid ON artifacts (uuid);
CREATE INDEX artifacts_by_import ON artifacts (import_key, artifact_id) WHERE import_key <> '';
CREATE INDEX artifacts_by_run ON artifacts (run_id, uuid);
CREATE INDEX artifacts_by_uri ON artifacts (substr(uri, 1, 128), uuid);
CREATE INDEX artifacts_by_type ON artifacts (schema_title, uuid);
CREATE INDEX artifacts_by_name ON artifacts (name, uuid);
CREATE INDEX artifacts_by_created_at ON artifacts (created_at_us, uuid);
CREATE INDEX artifacts_by_namespace ON artifacts (namespace, uuid);

-- `link_id` comes from the counter 'link_ids'. `role`: OWN, the task itself takes or makes it; SCOPE, it is a
-- graph, a loop or the root, which hands on what tasks in it take or make; CACHE, it was taken from the cache. `io_type` is KFP's IOType; the producer is what the pipeline names as the source of an input.
CREATE TABLE artifact_tasks (
  run_id             TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id            TEXT    NOT NULL,
  direction          TEXT    NOT NULL CHECK (direction IN ('INPUT', 'OUTPUT')),
  name               TEXT    NOT NULL,
  position           INTEGER NOT NULL,
  artifact_id        INTEGER NOT NULL REFERENCES artifacts (artifact_id) ON DELETE CASCADE,
  link_id            INTEGER NOT NULL,
  io_type            TEXT    NOT NULL,
  producer_task      TEXT    NOT NULL,
  producer_iteration INTEGER,
  role               TEXT    NOT NULL CHECK (role IN ('OWN', 'SCOPE', 'CACHE')),
  PRIMARY KEY (run_id, task_id, direction, name, position)
) WITHOUT ROWID;
INSERT INTO artifact_tasks
  SELECT l.run_id, l.task_id, l.direction, l.name, l.position, l.artifact_id,
         row_number() OVER (ORDER BY l.artifact_id, l.run_id, l.task_id, l.direction, l.name, l.position),
         CASE l.direction WHEN 'OUTPUT' THEN 'OUTPUT' ELSE 'TASK_OUTPUT_INPUT' END, '', NULL,
         CASE WHEN EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = l.run_id AND t.parent_task_id = l.task_id) THEN 'SCOPE'
              WHEN l.direction = 'OUTPUT' AND a.run_id <> l.run_id AND a.import_key = '' THEN 'CACHE' ELSE 'OWN' END
  FROM artifact_tasks_before l JOIN artifacts a ON a.artifact_id = l.artifact_id;
DROP TABLE artifact_tasks_before;
DROP TABLE artifacts_before;
INSERT INTO counters (name, value) SELECT 'link_ids', COUNT(*) FROM artifact_tasks HAVING COUNT(*) > 0;
CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks (artifact_id, link_id);
CREATE INDEX artifact_tasks_by_task ON artifact_tasks (task_id, link_id);
CREATE UNIQUE INDEX artifact_tasks_by_id ON artifact_tasks (link_id);
INSERT INTO counters (name, value) SELECT 'artifacts', COUNT(*) FROM artifacts HAVING COUNT(*) > 0;

-- Parameters of runs as they are filtered by: a text as it is, anything else as JSON, at most 6,000 characters of it.
CREATE TABLE run_parameters (
  run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO run_parameters
  SELECT c.run_id, p.key, substr(p.value, 1, 6000) FROM run_configs c, json_each(c.parameters) p
  WHERE p.value IS NOT NULL;
CREATE INDEX run_parameters_by_value ON run_parameters (name, substr(value, 1, 128), run_id);

-- Tags have types: STRING, NUMBER, BOOLEAN, JSON. `number_order` is that of a number (common/ordered_double.h).
ALTER TABLE tags ADD COLUMN type TEXT NOT NULL DEFAULT 'STRING' CHECK (type IN ('STRING', 'NUMBER', 'BOOLEAN', 'JSON'));
ALTER TABLE tags ADD COLUMN number_order INTEGER;
DROP INDEX tags_by_value;
CREATE INDEX tags_by_value ON tags (name, substr(value, 1, 128), owner_id);
CREATE INDEX tags_by_number ON tags (name, number_order, owner_id) WHERE number_order IS NOT NULL;

-- Values are kept in an order-preserving form, which has NaN and infinities (common/ordered_double.h). A series is of a
-- task, or of the run itself if the task id is empty. Ids come from the counter 'series_ids'.
CREATE TABLE metric_series (
  series_id        INTEGER NOT NULL PRIMARY KEY,
  run_id           TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id          TEXT    NOT NULL,
  name             TEXT    NOT NULL,
  points           INTEGER NOT NULL,
  first_step       INTEGER NOT NULL,
  first_at_us      INTEGER NOT NULL,
  first_value      INTEGER NOT NULL,
  latest_step      INTEGER NOT NULL,
  latest_at_us     INTEGER NOT NULL,
  latest_value     INTEGER NOT NULL,
  least_step       INTEGER NOT NULL,
  least_at_us      INTEGER NOT NULL,
  least_value      INTEGER NOT NULL,
  greatest_step    INTEGER NOT NULL,
  greatest_at_us   INTEGER NOT NULL,
  greatest_value   INTEGER NOT NULL,
  UNIQUE (run_id, task_id, name)
);
CREATE TABLE metric_points (
  series_id INTEGER NOT NULL REFERENCES metric_series (series_id) ON DELETE CASCADE,
  step      INTEGER NOT NULL,
  at_us     INTEGER NOT NULL,
  value     INTEGER NOT NULL,
  PRIMARY KEY (series_id, step, at_us, value)
) WITHOUT ROWID;
-- The latest value of each metric of a run, whichever of its tasks has it: by this runs are filtered and sorted.
CREATE TABLE run_metrics (
  run_id        TEXT    NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name          TEXT    NOT NULL,
  experiment_id TEXT    NOT NULL,
  value         INTEGER NOT NULL,
  step          INTEGER NOT NULL,
  at_us         INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE INDEX run_metrics_by_value ON run_metrics (name, value, run_id);
CREATE INDEX run_metrics_by_experiment ON run_metrics (experiment_id, name, value, run_id);
