-- What people are called on the command line.

-- name: labels
SELECT person_id, label FROM person;
