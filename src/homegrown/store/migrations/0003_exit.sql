-- What callers of the gateway name as a model: where it goes, what may leave, what is kept.
CREATE TABLE routes (route_id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects, name TEXT NOT NULL, config TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE (project_id, name));
-- Calls of a model API with what was said: those that passed the gateway, and those that a team already had. A row stands as soon as the call is open.
CREATE TABLE captured (trace_id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects, origin TEXT NOT NULL, route_id TEXT REFERENCES routes, wire TEXT NOT NULL, model TEXT NOT NULL, actor_id TEXT REFERENCES actors, upstream_id TEXT, version_id TEXT, state TEXT NOT NULL, status INTEGER, is_stream INTEGER NOT NULL, request TEXT NOT NULL, response TEXT, template_id TEXT, n_tokens_in BIGINT, n_tokens_out BIGINT, cost_usd DOUBLE PRECISION, latency_s DOUBLE PRECISION, first_token_s DOUBLE PRECISION, tags TEXT NOT NULL, error TEXT, created_at TEXT NOT NULL, ended_at TEXT);
CREATE INDEX captured_by_time ON captured (project_id, created_at);
CREATE INDEX captured_by_template ON captured (template_id, created_at);
CREATE INDEX captured_by_origin ON captured (origin, created_at);
-- What was answered under a caller's Idempotency-Key; without a status the call is under way, or was when the server was killed.
CREATE TABLE repeats (key_digest TEXT PRIMARY KEY, request_digest TEXT NOT NULL, trace_id TEXT NOT NULL, status INTEGER, headers TEXT, body TEXT, created_at TEXT NOT NULL);
CREATE INDEX repeats_by_trace ON repeats (trace_id);
CREATE INDEX repeats_by_time ON repeats (created_at);
CREATE INDEX captured_by_route ON captured (route_id, state, template_id);
-- Prompts that calls share, and the Task that somebody made of one.
CREATE TABLE templates (template_id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects, task_id TEXT REFERENCES tasks, state TEXT NOT NULL, details TEXT NOT NULL, created_at TEXT NOT NULL);
-- What a model of ours says of captured calls while it answers nobody, and what a person says of some of them.
CREATE TABLE shadow_answers (trace_id TEXT NOT NULL, version_id TEXT NOT NULL, answer TEXT, prob DOUBLE PRECISION, agrees INTEGER, latency_s DOUBLE PRECISION, created_at TEXT NOT NULL, PRIMARY KEY (trace_id, version_id));
CREATE TABLE audits (trace_id TEXT NOT NULL, version_id TEXT NOT NULL, kind TEXT NOT NULL, weight DOUBLE PRECISION NOT NULL, home TEXT, upstream TEXT, gold TEXT, created_at TEXT NOT NULL, settled_at TEXT, PRIMARY KEY (trace_id, version_id, kind));
-- Prices are facts with a date: what a model cost from when on, and who says so.
CREATE TABLE prices (price_id TEXT PRIMARY KEY, project_id TEXT NOT NULL REFERENCES projects, subject TEXT NOT NULL, kind TEXT NOT NULL, details TEXT NOT NULL, is_simulated INTEGER NOT NULL, valid_from TEXT NOT NULL, noted_at TEXT NOT NULL);
CREATE INDEX prices_by_subject ON prices (project_id, subject, valid_from);
-- Answers that are objects: the fields of a task whose answer is one, in place of classes.
ALTER TABLE task_versions ADD COLUMN fields TEXT NOT NULL DEFAULT '[]';
