-- The service itself.

-- name: answer
SELECT 1;

-- name: limit_statements
SELECT set_config('statement_timeout', %(limit)s, false);
