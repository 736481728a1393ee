-- Tokens of programs: only the hash of a token is ever stored.

-- name: find
SELECT api_token.api_token_id, api_token.token_hash, api_token.username, api_token.may_act,
    api_token.used_at, sign_in.staff_id, sign_in.person_id, staff.role AS staff_role,
    COALESCE(staff.is_service_manager, false) AS is_service_manager,
    COALESCE(staff.display_name, api_token.username) AS name
FROM api_token
JOIN sign_in USING (username)
LEFT JOIN staff USING (staff_id)
WHERE api_token.token_hash = %(token_hash)s AND api_token.revoked_at IS NULL
  AND api_token.expires_at > %(now)s AND sign_in.disabled_at IS NULL;

-- name: note_use
UPDATE api_token SET used_at = GREATEST(used_at, %(now)s) WHERE token_hash = %(token_hash)s;

-- Two pages of one person at once do not make one more than there may be.
-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.api_token', hashtext(%(username)s)));

-- name: make
INSERT INTO api_token (token_hash, username, name, may_act, made_at, expires_at)
SELECT %(token_hash)s, sign_in.username, %(name)s, %(may_act)s, %(now)s, %(expires_at)s
FROM sign_in
WHERE sign_in.username = %(username)s AND sign_in.disabled_at IS NULL AND %(most)s > (
    SELECT count(*) FROM api_token
    WHERE api_token.username = %(username)s AND api_token.revoked_at IS NULL
      AND api_token.expires_at > %(now)s
);

-- name: list
SELECT api_token_id, username, name, may_act, made_at, expires_at, used_at
FROM api_token
WHERE (%(username)s::text IS NULL OR username = %(username)s)
  AND revoked_at IS NULL AND expires_at > %(now)s
ORDER BY username, api_token_id
LIMIT 500;

-- name: revoke
UPDATE api_token SET revoked_at = %(now)s
WHERE api_token_id = %(api_token_id)s AND revoked_at IS NULL AND expires_at > %(now)s
  AND (%(username)s::text IS NULL OR username = %(username)s);

-- name: has_sign_in
SELECT 1 AS number FROM sign_in WHERE username = %(username)s AND disabled_at IS NULL;
