-- A class that a task has no more lives on in what its votes now mean: {class_id: [class_id, ...]}, one for a merge, several for a split.
ALTER TABLE task_versions ADD COLUMN moved TEXT NOT NULL DEFAULT '{}';
CREATE TABLE assignments (assignment_id TEXT PRIMARY KEY, task_id TEXT NOT NULL REFERENCES tasks, record_id TEXT NOT NULL, actor_id TEXT NOT NULL REFERENCES actors, reason TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT NOT NULL, closed_at TEXT, outcome TEXT);
CREATE INDEX assignments_by_record ON assignments (task_id, record_id);
CREATE INDEX assignments_by_actor ON assignments (actor_id, task_id, closed_at);
CREATE TABLE comments (comment_id TEXT PRIMARY KEY, task_id TEXT NOT NULL REFERENCES tasks, record_id TEXT NOT NULL, actor_id TEXT NOT NULL REFERENCES actors, kind TEXT NOT NULL, text TEXT NOT NULL, client_id TEXT UNIQUE, created_at TEXT NOT NULL, resolved_at TEXT, answer TEXT);
CREATE INDEX comments_by_record ON comments (task_id, record_id);
CREATE TABLE issues (issue_id TEXT PRIMARY KEY, task_id TEXT REFERENCES tasks, record_id TEXT NOT NULL, other_id TEXT, kind TEXT NOT NULL, score DOUBLE PRECISION NOT NULL, details TEXT NOT NULL, state TEXT NOT NULL, decided_by TEXT REFERENCES actors, decided_at TEXT, created_at TEXT NOT NULL);
CREATE INDEX issues_by_state ON issues (state, score);
CREATE INDEX issues_by_record ON issues (record_id);
CREATE TABLE derivations (record_id TEXT NOT NULL, from_record_id TEXT NOT NULL, kind TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (record_id, from_record_id, kind));
CREATE TABLE upstreams (upstream_id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects, name TEXT NOT NULL, base_url TEXT NOT NULL, config TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (project_id, name));
CREATE TABLE upstream_keys (upstream_id TEXT PRIMARY KEY REFERENCES upstreams, sealed TEXT NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE upstream_answers (digest TEXT PRIMARY KEY, upstream_id TEXT NOT NULL REFERENCES upstreams, text_hash TEXT NOT NULL, answer TEXT NOT NULL, n_tokens_in BIGINT NOT NULL, n_tokens_out BIGINT NOT NULL, cost_usd DOUBLE PRECISION, created_at TEXT NOT NULL);
CREATE INDEX upstream_answers_by_text ON upstream_answers (text_hash);
