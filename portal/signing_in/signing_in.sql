-- Signing in: second factors, challenges, known browsers, links, sessions of one's own.

-- name: find_sign_in
SELECT username, password_hash FROM sign_in
WHERE username = %(username)s AND (disabled_at IS NULL OR disabled_at > %(now)s);

-- name: replace_password
SELECT replace_password(%(username)s, %(earlier_hash)s, %(new_hash)s);

-- name: is_known_device
SELECT 1 FROM known_device
WHERE token_hash = %(token_hash)s AND username = %(username)s AND ended_at IS NULL
  AND seen_at > %(since)s;

-- name: is_our_device
SELECT 1 FROM known_device WHERE token_hash = %(token_hash)s AND ended_at IS NULL LIMIT 1;

-- name: remember_device
INSERT INTO known_device (token_hash, username, created_at, seen_at)
VALUES (%(token_hash)s, %(username)s, %(now)s, %(now)s)
ON CONFLICT (token_hash, username) DO UPDATE SET seen_at = excluded.seen_at, ended_at = NULL;

-- A browser that stops being known: the oldest beyond as many as one sign-in may have.
-- name: forget_devices
UPDATE known_device SET ended_at = %(now)s
WHERE username = %(username)s AND ended_at IS NULL AND token_hash IN (
    SELECT token_hash FROM known_device WHERE username = %(username)s AND ended_at IS NULL
    ORDER BY seen_at DESC OFFSET %(most)s
);

-- name: forget_challenges
DELETE FROM sign_in_challenge WHERE made_at < %(since)s;

-- Strangers fill only their own places: whoever gave a password, or is signed in, is limited by their name.
-- name: add_challenge
INSERT INTO sign_in_challenge (challenge_hash, purpose, username, made_at)
SELECT %(challenge_hash)s, %(purpose)s, %(username)s, %(now)s
WHERE %(username)s::text IS NOT NULL
   OR (SELECT count(*) FROM sign_in_challenge WHERE username IS NULL) < %(most)s;

-- Used by being taken away: of two that come at once, one gets it.
-- name: take_challenge
DELETE FROM sign_in_challenge
WHERE challenge_hash = %(challenge_hash)s
RETURNING purpose = %(purpose)s AND username IS NOT DISTINCT FROM %(username)s::text
    AND made_at > %(since)s AS is_right;

-- name: passkeys_of
SELECT passkey_id, credential_id, user_handle, device_label, created_at, used_at FROM passkey
WHERE username = %(username)s AND removed_at IS NULL ORDER BY passkey_id;

-- name: find_passkey
SELECT passkey.passkey_id, passkey.username, passkey.user_handle, passkey.public_key, passkey.sign_count
FROM passkey JOIN sign_in USING (username)
WHERE passkey.credential_id = %(credential_id)s AND passkey.removed_at IS NULL
  AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > %(now)s);

-- name: add_passkey
INSERT INTO passkey (
    username, credential_id, user_handle, public_key, sign_count, device_label, created_at
)
VALUES (
    %(username)s, %(credential_id)s, %(user_handle)s, %(public_key)s, %(sign_count)s,
    %(device_label)s, %(now)s
)
ON CONFLICT (credential_id) DO NOTHING;

-- name: use_passkey
UPDATE passkey SET sign_count = %(sign_count)s, used_at = %(now)s WHERE passkey_id = %(passkey_id)s;

-- name: remove_passkey
UPDATE passkey SET removed_at = %(now)s
WHERE passkey_id = %(which)s AND username = %(username)s AND removed_at IS NULL;

-- name: app_of
SELECT authenticator_app_id, secret, made_at, confirmed_at FROM authenticator_app
WHERE username = %(username)s AND removed_at IS NULL;

-- name: offer_app
INSERT INTO authenticator_app (username, secret, made_at) VALUES (%(username)s, %(secret)s, %(now)s)
ON CONFLICT (username) WHERE removed_at IS NULL DO UPDATE
SET secret = excluded.secret, made_at = excluded.made_at WHERE authenticator_app.confirmed_at IS NULL;

-- name: confirm_app
UPDATE authenticator_app SET confirmed_at = %(now)s, last_step = %(step)s
WHERE username = %(username)s AND removed_at IS NULL AND confirmed_at IS NULL
  AND secret = %(secret)s;

-- Digits count once: of two that come at once, one gets a row.
-- name: use_app
UPDATE authenticator_app SET last_step = %(step)s
WHERE username = %(username)s AND removed_at IS NULL AND confirmed_at IS NOT NULL
  AND (last_step IS NULL OR last_step < %(step)s)
RETURNING authenticator_app_id;

-- name: remove_app
UPDATE authenticator_app SET removed_at = %(now)s
WHERE username = %(username)s AND removed_at IS NULL;

-- name: replace_codes
UPDATE recovery_code SET replaced_at = %(now)s
WHERE username = %(username)s AND used_at IS NULL AND replaced_at IS NULL;

-- name: add_codes
INSERT INTO recovery_code (username, code_hash, made_at)
SELECT %(username)s, code_hash, %(now)s FROM unnest(%(code_hashes)s::bytea[]) AS made (code_hash);

-- name: use_code
UPDATE recovery_code SET used_at = %(now)s
WHERE username = %(username)s AND code_hash = %(code_hash)s AND used_at IS NULL
  AND replaced_at IS NULL
RETURNING recovery_code_id;

-- name: codes_left
SELECT count(*) AS count FROM recovery_code
WHERE username = %(username)s AND used_at IS NULL AND replaced_at IS NULL;

-- name: sessions_of
SELECT session_id, device_label, created_at, seen_at FROM session
WHERE username = %(username)s AND ended_at IS NULL
  AND seen_at > %(idle_since)s AND created_at > %(oldest)s
ORDER BY seen_at DESC, session_id DESC;

-- name: end_one_session
UPDATE session SET ended_at = %(now)s
WHERE session_id = %(which)s AND username = %(username)s AND ended_at IS NULL;

-- name: end_other_sessions
UPDATE session SET ended_at = %(now)s
WHERE username = %(username)s AND ended_at IS NULL AND token_hash <> %(token_hash)s;

-- name: end_programs
UPDATE api_token SET revoked_at = %(now)s WHERE username = %(username)s AND revoked_at IS NULL;

-- name: find_link
SELECT sign_in_link.username FROM sign_in_link JOIN sign_in USING (username)
WHERE link_hash = %(link_hash)s AND used_at IS NULL AND voided_at IS NULL
  AND expires_at > %(now)s AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > %(now)s);

-- name: take_link
SELECT take_sign_in_link(%(link_hash)s, %(new_hash)s, %(now)s) AS username;
