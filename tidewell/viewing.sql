-- Who is looking. The setting ends with the transaction.

-- name: look_as
SELECT look_as(%(staff_id)s, %(person_id)s, %(now)s);
