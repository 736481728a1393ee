-- Links to choose a password, and ways in that are closed. `now` is a parameter.

-- name: void_links
UPDATE sign_in_link SET voided_at = %(now)s
WHERE username = %(username)s AND used_at IS NULL AND voided_at IS NULL;

-- name: add_link
INSERT INTO sign_in_link (link_hash, username, made_at, expires_at)
VALUES (%(link_hash)s, %(username)s, %(now)s, %(expires_at)s);

-- name: drop_password
UPDATE sign_in SET password_hash = '' WHERE username = %(username)s;

-- name: end_ways_in
SELECT end_ways_in(%(username)s, %(now)s);
