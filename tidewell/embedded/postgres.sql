-- What the supervisor of the embedded PostgreSQL asks of it.

-- name: data_folder
SELECT current_setting('data_directory');

-- name: database_exists
SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'tidewell');

-- name: create_database
CREATE DATABASE tidewell;
