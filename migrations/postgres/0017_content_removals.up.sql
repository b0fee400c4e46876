-- The content of deleted runs, which goes after their rows.
CREATE TABLE content_removals (
  run_id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  experiment_id     TEXT COLLATE "C" NOT NULL,
  namespace         TEXT COLLATE "C" NOT NULL,
  pipeline_name     TEXT COLLATE "C" NOT NULL,
  pipeline_root     TEXT COLLATE "C" NOT NULL,
  artifact_location TEXT COLLATE "C" NOT NULL,
  folders           TEXT COLLATE "C" NOT NULL,
  unfinished        BIGINT NOT NULL,
  state             TEXT COLLATE "C" NOT NULL CHECK (state IN ('WAITING', 'RUNNING', 'DONE', 'FAILED')),
  removed_files     BIGINT NOT NULL,
  removed_bytes     BIGINT NOT NULL,
  kept              TEXT COLLATE "C" NOT NULL,
  kept_count        BIGINT NOT NULL,
  tries             BIGINT NOT NULL,
  error             TEXT COLLATE "C" NOT NULL,
  created_at_us     BIGINT NOT NULL,
  started_at_us     BIGINT NOT NULL,
  finished_at_us    BIGINT NOT NULL,
  due_at_us         BIGINT
);
CREATE INDEX content_removals_by_created_at ON content_removals (created_at_us, run_id);
CREATE INDEX content_removals_by_state ON content_removals (state, run_id);
CREATE INDEX content_removals_due ON content_removals (due_at_us, run_id) WHERE due_at_us IS NOT NULL;

-- Whose folder the artifacts of a spec's runs are in; empty of those that were stored before.
ALTER TABLE specs ADD COLUMN pipeline_name TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Whether a registered model lies in a folder.
CREATE INDEX model_versions_by_location ON model_versions (substr(location, 1, 128), name, version);

-- Which old runs are deleted, in a namespace or an experiment.
CREATE TABLE retention_policies (
  policy_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  namespace          TEXT COLLATE "C" NOT NULL,
  experiment_id      TEXT COLLATE "C" NOT NULL,
  enabled            BIGINT NOT NULL,
  max_age_us         BIGINT NOT NULL,
  max_runs           BIGINT NOT NULL,
  states             TEXT COLLATE "C" NOT NULL,
  storage            TEXT COLLATE "C" NOT NULL CHECK (storage IN ('ANY', 'AVAILABLE', 'ARCHIVED')),
  keep_latest        BIGINT NOT NULL,
  revision           BIGINT NOT NULL,
  previewed_revision BIGINT NOT NULL,
  created_at_us      BIGINT NOT NULL,
  updated_at_us      BIGINT NOT NULL,
  applied_at_us      BIGINT NOT NULL,
  deleted_runs       BIGINT NOT NULL
);
