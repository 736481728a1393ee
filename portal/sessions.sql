-- Sessions: who is signed in. Only the hash of a token is ever stored.

-- name: open_session
INSERT INTO session (token_hash, username, created_at, seen_at, proved_at, level, device_label)
VALUES (
    %(token_hash)s, %(username)s, %(now)s, %(now)s, %(now)s, %(level)s, %(device_label)s
);

-- The oldest of a sign-in, beyond as many as one may have.
-- name: end_surplus
UPDATE session SET ended_at = %(now)s
WHERE session_id IN (
    SELECT session_id FROM session WHERE username = %(username)s AND ended_at IS NULL
    ORDER BY session_id DESC OFFSET %(most)s
);

-- A session goes on under another token; how old it may grow counts from its beginning.
-- name: renew_session
INSERT INTO session (token_hash, username, created_at, seen_at, proved_at, level, device_label)
SELECT %(token_hash)s, username, created_at, %(now)s, %(now)s, %(level)s, device_label
FROM session WHERE token_hash = %(old_hash)s AND ended_at IS NULL;

-- name: end_session
UPDATE session SET ended_at = %(now)s WHERE token_hash = %(token_hash)s AND ended_at IS NULL;

-- name: find_session
SELECT session.token_hash, session.username, session.seen_at, sign_in.staff_id, sign_in.person_id,
    session.session_id, session.level, session.proved_at,
    EXISTS (
        SELECT FROM passkey WHERE passkey.username = session.username AND passkey.removed_at IS NULL
    ) OR EXISTS (
        SELECT FROM authenticator_app AS app
        WHERE app.username = session.username AND app.removed_at IS NULL
          AND app.confirmed_at IS NOT NULL
    ) AS has_second_factor,
    staff.role AS staff_role, COALESCE(staff.is_service_manager, false) AS is_service_manager,
    COALESCE(staff.display_name, name_in_session(session.token_hash)) AS name
FROM session
JOIN sign_in USING (username)
LEFT JOIN staff USING (staff_id)
WHERE session.token_hash = %(token_hash)s AND session.ended_at IS NULL
  AND session.seen_at > %(idle_since)s AND session.created_at > %(oldest)s
  AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > %(now)s);

-- name: see_session
UPDATE session SET seen_at = GREATEST(seen_at, %(now)s) WHERE token_hash = %(token_hash)s;
