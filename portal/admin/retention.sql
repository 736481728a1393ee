-- How long things are kept, and what went by age.

-- name: has_runs
SELECT to_regclass('public.retention_run') IS NOT NULL AS number;

-- name: last_runs
SELECT DISTINCT ON (class) class AS name, at, before, gone, people_on_hold
FROM retention_run ORDER BY class, retention_run_id DESC;
