-- Answers that are objects: the fields of a task whose answer is one, in place of classes.
ALTER TABLE task_versions ADD COLUMN fields TEXT NOT NULL DEFAULT '[]';
