-- Requests that come again, by the key that their sender gave them.

-- Of everybody, since what was answered may be about people; nobody waits for anybody else's.
-- name: forget
DELETE FROM api_answer WHERE (username, idempotency_key) IN (
    SELECT username, idempotency_key FROM api_answer
    WHERE made_at < %(before)s
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
);

-- Whoever comes second waits here until the first is done, or was not.
-- name: take
INSERT INTO api_answer (username, idempotency_key, fingerprint, made_at)
VALUES (%(username)s, %(key)s, %(fingerprint)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: find
SELECT fingerprint, status, body FROM api_answer
WHERE username = %(username)s AND idempotency_key = %(key)s;

-- name: keep
UPDATE api_answer SET status = %(status)s, body = %(body)s
WHERE username = %(username)s AND idempotency_key = %(key)s;
