-- Calendar feeds: only the hash of an address is ever stored.

-- name: feed_of
SELECT made_at FROM calendar_feed WHERE staff_id = %(staff_id)s AND revoked_at IS NULL;

-- name: revoke
UPDATE calendar_feed SET revoked_at = %(now)s WHERE staff_id = %(staff_id)s AND revoked_at IS NULL;

-- name: make
INSERT INTO calendar_feed (token_hash, staff_id, made_at)
VALUES (%(token_hash)s, %(staff_id)s, %(now)s);

-- name: find_feed
SELECT calendar_feed.token_hash, calendar_feed.staff_id
FROM calendar_feed
JOIN staff_at_work USING (staff_id)
WHERE calendar_feed.token_hash = %(token_hash)s AND calendar_feed.revoked_at IS NULL
  AND (staff_at_work.left_at IS NULL OR staff_at_work.left_at > %(now)s);

-- name: covers
SELECT cover_id, valid_from, valid_until, accepted_at IS NOT NULL AS is_accepted,
    away_staff_id = %(staff_id)s AS is_own_absence
FROM cover
WHERE %(staff_id)s IN (away_staff_id, cover_staff_id) AND valid_until > %(since)s
  AND (ended_at IS NULL OR accepted_at IS NOT NULL)
ORDER BY cover_id;
