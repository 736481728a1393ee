-- Sign-ins from the command line. `now` is a parameter.

-- name: sign_in
SELECT username, role, disabled_at, has_password, passkeys, has_app, codes_left, link_until
FROM sign_in_state WHERE username = %(username)s;

-- name: sign_ins
SELECT username, role, disabled_at, has_password, passkeys, has_app, codes_left, link_until
FROM sign_in_state ORDER BY username;

-- name: sign_in_of_person
SELECT username FROM sign_in WHERE person_id = %(person_id)s;

-- name: disable
UPDATE sign_in SET disabled_at = %(now)s
WHERE username = %(username)s AND (disabled_at IS NULL OR disabled_at > %(now)s);

-- name: enable
UPDATE sign_in SET disabled_at = NULL WHERE username = %(username)s;

-- name: remove_second_factors
SELECT remove_second_factors(%(username)s, %(now)s);
