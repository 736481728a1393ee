-- Sessions: who is signed in. Only the hash of a token is ever stored.

-- name: open_session
INSERT INTO session (token_hash, username, created_at, seen_at)
VALUES (%(token_hash)s, %(username)s, %(now)s, %(now)s);

-- name: end_session
UPDATE session SET ended_at = %(now)s WHERE token_hash = %(token_hash)s AND ended_at IS NULL;

-- name: find_session
SELECT session.token_hash, session.username, session.seen_at, sign_in.staff_id, sign_in.person_id,
    staff.role AS staff_role, COALESCE(staff.is_service_manager, false) AS is_service_manager,
    COALESCE(staff.display_name, identity.preferred_name, person.label) AS name
FROM session
JOIN sign_in USING (username)
LEFT JOIN staff USING (staff_id)
LEFT JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
WHERE session.token_hash = %(token_hash)s AND session.ended_at IS NULL
  AND session.seen_at > %(idle_since)s AND session.created_at > %(oldest)s
  AND sign_in.disabled_at IS NULL;

-- name: see_session
UPDATE session SET seen_at = GREATEST(seen_at, %(now)s) WHERE token_hash = %(token_hash)s;
