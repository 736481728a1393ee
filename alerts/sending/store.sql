-- Messages: claimed, sent, marked.

-- The most urgent first, and the first alert about a person before others of its level. Of a bundle
-- one message is claimed and stands for all, and its attempts are those of all. What another process has claimed comes back when its lease has ended.
-- name: claim_deliveries
WITH due AS MATERIALIZED (
    SELECT delivery.delivery_id
    FROM delivery
    JOIN alert USING (alert_id)
    WHERE delivery.state = 'waiting' AND delivery.channel = %(channel)s
      AND delivery.attempt_at <= %(now)s
      AND (delivery.lease_until IS NULL OR delivery.lease_until <= %(now)s)
      AND alert.state <> 'closed'
      AND (delivery.bundle IS NULL OR delivery.delivery_id = (
          SELECT min(other.delivery_id) FROM delivery AS other
          WHERE other.bundle = delivery.bundle AND other.state = 'waiting'
      ))
    ORDER BY CASE alert.level WHEN 'check_now' THEN 0 WHEN 'check_today' THEN 1 ELSE 2 END,
             NOT delivery.is_first, delivery.attempt_at, delivery.delivery_id
    LIMIT %(most)s
    FOR UPDATE OF delivery SKIP LOCKED
)
UPDATE delivery
SET lease_owner = %(owner)s, lease_until = %(lease_until)s,
    attempts = 1 + CASE WHEN delivery.bundle IS NULL THEN delivery.attempts ELSE
        (SELECT max(other.attempts) FROM delivery AS other WHERE other.bundle = delivery.bundle)
    END,
    bundle_people = CASE WHEN delivery.bundle IS NOT NULL THEN coalesce(
        (SELECT max(other.bundle_people) FROM delivery AS other WHERE other.bundle = delivery.bundle),
        (SELECT count(DISTINCT told.person_id)::integer
         FROM delivery AS other JOIN alert AS told USING (alert_id)
         WHERE other.bundle = delivery.bundle AND other.state = 'waiting')
    ) END
FROM due, alert
WHERE delivery.delivery_id = due.delivery_id AND alert.alert_id = delivery.alert_id
RETURNING delivery.delivery_id, delivery.alert_id, delivery.staff_id, delivery.channel,
          delivery.address, delivery.idempotency_key, delivery.attempts, alert.public_id,
          alert.level, alert.raised_at, delivery.bundle, delivery.bundle_people, delivery.attempt_at;

-- What was handed over stays so, even if the lease ended or the alert was answered meanwhile.
-- name: mark_handed_over
UPDATE delivery
SET state = 'handed_over', handed_over_at = %(now)s, lease_owner = NULL, lease_until = NULL,
    last_error = NULL
WHERE delivery_id = %(delivery_id)s AND state <> 'handed_over'
RETURNING delivery_id;

-- The others of a bundle, whose message the claimed one carried.
-- name: bundle_members
SELECT delivery_id, alert_id, staff_id
FROM delivery
WHERE bundle = %(bundle)s AND state = 'waiting' AND delivery_id <> %(delivery_id)s
ORDER BY alert_id, delivery_id;

-- name: mark_notified
UPDATE alert SET state = 'notified' WHERE alert_id = %(alert_id)s AND state = 'raised';

-- name: mark_try_again
UPDATE delivery
SET attempt_at = %(attempt_at)s, last_error = %(error)s, lease_owner = NULL, lease_until = NULL
WHERE delivery_id = %(delivery_id)s AND state = 'waiting' AND lease_owner = %(owner)s
  AND attempts = %(attempts)s
RETURNING delivery_id;

-- name: mark_given_up
UPDATE delivery
SET state = 'given_up', last_error = %(error)s, lease_owner = NULL, lease_until = NULL
WHERE delivery_id = %(delivery_id)s AND state = 'waiting' AND lease_owner = %(owner)s
  AND attempts = %(attempts)s
RETURNING delivery_id;

-- The others of a bundle that was given up.
-- name: mark_member_given_up
UPDATE delivery
SET state = 'given_up', last_error = %(error)s, lease_owner = NULL, lease_until = NULL
WHERE delivery_id = %(delivery_id)s AND state = 'waiting'
RETURNING delivery_id;

-- name: mark_dead
INSERT INTO dead_address (channel, address, died_at, what_was_said)
VALUES (%(channel)s, %(address)s, %(now)s, %(said)s)
ON CONFLICT (channel, address) DO UPDATE
SET died_at = excluded.died_at, what_was_said = excluded.what_was_said;

-- name: wake_now
UPDATE alert
SET wake_at = least(wake_at, %(now)s)
WHERE alert_id = %(alert_id)s AND state <> 'closed';
