-- Numbers by which programs that know no other ids name runs and tasks: one sequence for both, from the counter
-- 'task_numbers'. A run's is that of its root.
ALTER TABLE runs ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
-- Who moves the run: the engine, or the client that records what it does elsewhere.
ALTER TABLE runs ADD COLUMN driver TEXT COLLATE "C" NOT NULL DEFAULT 'ENGINE' CHECK (driver IN ('ENGINE', 'CLIENT'));
ALTER TABLE tasks ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
-- Whether a client records the task; the engine then leaves it alone.
ALTER TABLE tasks ADD COLUMN recorded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
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
ALTER TABLE artifacts ALTER COLUMN run_id DROP NOT NULL;
ALTER TABLE artifacts ADD COLUMN uuid TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN namespace TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN description TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE artifacts ADD COLUMN size_bytes BIGINT;
UPDATE artifacts SET uuid = gen_random_uuid()::text,
  namespace = (SELECT r.namespace FROM runs r WHERE r.run_id = artifacts.run_id);
ALTER TABLE artifacts ALTER COLUMN uuid DROP DEFAULT;
ALTER TABLE artifacts ALTER COLUMN namespace DROP DEFAULT;
ALTER TABLE artifacts ALTER COLUMN description DROP DEFAULT;
DROP INDEX artifacts_by_run;
CREATE INDEX artifacts_by_run ON artifacts (run_id, uuid);
CREATE UNIQUE INDEX artifacts_by_uuid ON artifacts (uuid);
CREATE INDEX artifacts_by_uri ON artifacts (substr(uri, 1, 128), uuid);
CREATE INDEX artifacts_by_type ON artifacts (schema_title, uuid);
CREATE INDEX artifacts_by_name ON artifacts (name, uuid);
CREATE INDEX artifacts_by_created_at ON artifacts (created_at_us, uuid);
CREATE INDEX artifacts_by_namespace ON artifacts (namespace, uuid);

-- `link_id` comes from the counter 'link_ids'. `role`: OWN, the task itself takes or makes it; SCOPE, it is a
-- graph, a loop or the root, which hands on what tasks in it take or make; CACHE, it was taken from the cache. `io_type` is KFP's IOType; the producer is what the pipeline names as the source of an input.
ALTER TABLE artifact_tasks DROP CONSTRAINT artifact_tasks_run_id_task_id_fkey;
ALTER TABLE artifact_tasks
  ADD CONSTRAINT artifact_tasks_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs (run_id) ON DELETE CASCADE;
ALTER TABLE artifact_tasks ADD COLUMN link_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE artifact_tasks ADD COLUMN io_type TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE artifact_tasks ADD COLUMN producer_task TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE artifact_tasks ADD COLUMN producer_iteration BIGINT;
ALTER TABLE artifact_tasks ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'OWN'
  CHECK (role IN ('OWN', 'SCOPE', 'CACHE'));
UPDATE artifact_tasks SET link_id = n.number,
    io_type = CASE artifact_tasks.direction WHEN 'OUTPUT' THEN 'OUTPUT' ELSE 'TASK_OUTPUT_INPUT' END,
    role = CASE WHEN EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = n.run_id AND t.parent_task_id = n.task_id) THEN 'SCOPE'
                WHEN artifact_tasks.direction = 'OUTPUT' AND EXISTS (
                  SELECT 1 FROM artifacts a WHERE a.artifact_id = artifact_tasks.artifact_id AND a.import_key = ''
                    AND a.run_id <> n.run_id) THEN 'CACHE'
                ELSE 'OWN' END
  FROM (SELECT run_id, task_id, direction, name, position,
               row_number() OVER (ORDER BY artifact_id, run_id, task_id, direction, name, position) AS number
        FROM artifact_tasks) AS n
  WHERE artifact_tasks.run_id = n.run_id AND artifact_tasks.task_id = n.task_id
    AND artifact_tasks.direction = n.direction AND artifact_tasks.name = n.name AND artifact_tasks.position = n.position;
ALTER TABLE artifact_tasks ALTER COLUMN link_id DROP DEFAULT;
ALTER TABLE artifact_tasks ALTER COLUMN io_type DROP DEFAULT;
ALTER TABLE artifact_tasks ALTER COLUMN producer_task DROP DEFAULT;
ALTER TABLE artifact_tasks ALTER COLUMN role DROP DEFAULT;
INSERT INTO counters (name, value) SELECT 'link_ids', COUNT(*) FROM artifact_tasks HAVING COUNT(*) > 0;
DROP INDEX artifact_tasks_by_artifact;
CREATE INDEX artifact_tasks_by_artifact ON artifact_tasks (artifact_id, link_id);
CREATE INDEX artifact_tasks_by_task ON artifact_tasks (task_id, link_id);
CREATE UNIQUE INDEX artifact_tasks_by_id ON artifact_tasks (link_id);
INSERT INTO counters (name, value) SELECT 'artifacts', COUNT(*) FROM artifacts HAVING COUNT(*) > 0;

-- Parameters of runs as they are filtered by: a text as it is, anything else as JSON, at most 6,000 characters of it.
CREATE TABLE run_parameters (
  run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name   TEXT COLLATE "C" NOT NULL,
  value  TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (run_id, name)
);
-- A NUL, which JSON can have and this database cannot, keeps a run's parameters out.
INSERT INTO run_parameters
  SELECT c.run_id, p.key, substr(p.value #>> '{}', 1, 6000)
  FROM (SELECT run_id, parameters FROM run_configs WHERE position('\u0000' IN parameters) = 0) c,
       json_each(c.parameters::json) p
  WHERE p.value #>> '{}' IS NOT NULL;
CREATE INDEX run_parameters_by_value ON run_parameters (name, substr(value, 1, 128), run_id);

-- Tags have types: STRING, NUMBER, BOOLEAN, JSON. `number_order` is that of a number (common/ordered_double.h).
ALTER TABLE tags ADD COLUMN type TEXT COLLATE "C" NOT NULL DEFAULT 'STRING' CHECK (type IN ('STRING', 'NUMBER', 'BOOLEAN', 'JSON'));
ALTER TABLE tags ADD COLUMN number_order BIGINT;
DROP INDEX tags_by_value;
CREATE INDEX tags_by_value ON tags (name, substr(value, 1, 128), owner_id);
CREATE INDEX tags_by_number ON tags (name, number_order, owner_id) WHERE number_order IS NOT NULL;

-- Values are kept in an order-preserving form, which has NaN and infinities (common/ordered_double.h). A series is of a
-- task, or of the run itself if the task id is empty. Ids come from the counter 'series_ids'.
CREATE TABLE metric_series (
  series_id        BIGINT NOT NULL PRIMARY KEY,
  run_id           TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  task_id          TEXT COLLATE "C" NOT NULL,
  name             TEXT COLLATE "C" NOT NULL,
  points           BIGINT NOT NULL,
  first_step       BIGINT NOT NULL,
  first_at_us      BIGINT NOT NULL,
  first_value      BIGINT NOT NULL,
  latest_step      BIGINT NOT NULL,
  latest_at_us     BIGINT NOT NULL,
  latest_value     BIGINT NOT NULL,
  least_step       BIGINT NOT NULL,
  least_at_us      BIGINT NOT NULL,
  least_value      BIGINT NOT NULL,
  greatest_step    BIGINT NOT NULL,
  greatest_at_us   BIGINT NOT NULL,
  greatest_value   BIGINT NOT NULL,
  UNIQUE (run_id, task_id, name)
);
CREATE TABLE metric_points (
  series_id BIGINT NOT NULL REFERENCES metric_series (series_id) ON DELETE CASCADE,
  step      BIGINT NOT NULL,
  at_us     BIGINT NOT NULL,
  value     BIGINT NOT NULL,
  PRIMARY KEY (series_id, step, at_us, value)
);
-- The latest value of each metric of a run, whichever of its tasks has it: by this runs are filtered and sorted.
CREATE TABLE run_metrics (
  run_id        TEXT COLLATE "C" NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  name          TEXT COLLATE "C" NOT NULL,
  experiment_id TEXT COLLATE "C" NOT NULL,
  value         BIGINT NOT NULL,
  step          BIGINT NOT NULL,
  at_us         BIGINT NOT NULL,
  PRIMARY KEY (run_id, name)
);
CREATE INDEX run_metrics_by_value ON run_metrics (name, value, run_id);
CREATE INDEX run_metrics_by_experiment ON run_metrics (experiment_id, name, value, run_id);
