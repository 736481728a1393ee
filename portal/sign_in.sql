-- Signing in.

-- name: find_sign_in
SELECT username, password_hash FROM sign_in WHERE username = %(username)s AND disabled_at IS NULL;
