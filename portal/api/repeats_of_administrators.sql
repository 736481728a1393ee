-- Requests of administrators that come again, in the role that enrols: with what was done, or not at all.

-- Of everybody, since what was answered may be about people; nobody waits for anybody else's.
-- name: forget
DELETE FROM admin_answer WHERE (username, idempotency_key) IN (
    SELECT username, idempotency_key FROM admin_answer
    WHERE made_at < %(before)s
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
);

-- Whoever comes second waits here until the first is done, or was not.
-- name: take
INSERT INTO admin_answer (username, idempotency_key, fingerprint, made_at)
VALUES (%(username)s, %(key)s, %(fingerprint)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: find
SELECT fingerprint, status, body FROM admin_answer
WHERE username = %(username)s AND idempotency_key = %(key)s;

-- name: keep
UPDATE admin_answer SET status = %(status)s, body = %(body)s
WHERE username = %(username)s AND idempotency_key = %(key)s;
