-- The bookkeeping of the schema itself.

-- name: lock
SELECT pg_advisory_lock(%(key)s);

-- name: unlock
SELECT pg_advisory_unlock(%(key)s);

-- name: create_schema_migration
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    mode text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL
);

-- name: applied
SELECT number, checksum FROM schema_migration ORDER BY number;

-- name: applied_mode
SELECT mode FROM schema_migration ORDER BY number DESC LIMIT 1;

-- name: record
INSERT INTO schema_migration (number, name, mode, checksum, applied_at)
VALUES (%(number)s, %(name)s, %(mode)s, %(checksum)s, %(at)s);

-- name: role_exists
SELECT 1 FROM pg_roles WHERE rolname = %(role)s;

-- name: timescale_licence
SELECT current_setting('timescaledb.license', true);
