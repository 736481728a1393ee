-- What `tidewell doctor` asks about ways to people. `now` is a parameter.

-- Each way that was used lately. The text of a failure is our own and names nobody.
-- name: messages
SELECT channel, max(handed_over_at),
       count(*) FILTER (WHERE state = 'waiting' AND last_error IS NOT NULL),
       count(*) FILTER (WHERE state = 'given_up'),
       (array_agg(last_error ORDER BY attempt_at DESC) FILTER (WHERE last_error IS NOT NULL))[1]
FROM delivery
WHERE attempt_at > %(since)s AND channel <> 'console'
GROUP BY channel ORDER BY channel;

-- name: dead_addresses
SELECT coalesce(sign_in.username, 'staff ' || staff_address.staff_id), staff_address.channel
FROM staff_address LEFT JOIN sign_in ON sign_in.staff_id = staff_address.staff_id
WHERE staff_address.is_dead
  AND (staff_address.disabled_at IS NULL OR staff_address.disabled_at > %(now)s)
ORDER BY 1, 2;

-- name: without_address
SELECT count(*) FROM staff_at_work
WHERE role = 'practitioner' AND (left_at IS NULL OR left_at > %(now)s)
  AND NOT EXISTS (
      SELECT FROM staff_address
      WHERE staff_address.staff_id = staff_at_work.staff_id AND NOT is_dead
        AND (staff_address.disabled_at IS NULL OR staff_address.disabled_at > %(now)s)
  );
