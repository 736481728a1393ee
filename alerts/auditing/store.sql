-- The auditor: what is open, what is stuck, and how it is put right.

-- name: unserved_deliveries
SELECT DISTINCT alert_id
FROM delivery
WHERE state = 'waiting' AND attempt_at <= %(late)s AND channel <> ALL (%(channels)s)
ORDER BY alert_id
LIMIT %(most)s;

-- name: give_up_unserved
UPDATE delivery
SET state = 'given_up', last_error = %(reason)s
WHERE alert_id = %(alert_id)s AND state = 'waiting' AND attempt_at <= %(late)s
  AND channel <> ALL (%(channels)s)
RETURNING staff_id, channel;

-- name: wake_now
UPDATE alert
SET wake_at = least(wake_at, %(now)s)
WHERE alert_id = %(alert_id)s AND state <> 'closed';

-- A lease that ends so late was taken by the same clock; a receiver who sees a message twice shows one.
-- name: pull_in_put_off
UPDATE delivery
SET attempt_at = least(attempt_at, %(now)s), lease_owner = NULL, lease_until = NULL
WHERE state = 'waiting'
  AND (lease_until > %(far)s OR attempt_at > CASE WHEN bundle IS NULL THEN %(far)s ELSE %(far_in_bundle)s END)
RETURNING delivery_id, alert_id;

-- name: unclosed_alerts
SELECT alert_id, state, wake_at FROM alert WHERE state <> 'closed' ORDER BY alert_id;

-- name: repair
UPDATE alert
SET wake_at = %(now)s
WHERE alert_id = %(alert_id)s AND state <> 'closed'
  AND wake_at IS NOT DISTINCT FROM %(wake_at)s
RETURNING alert_id;

-- name: record_audit
INSERT INTO auditor_run (at, alerts_checked, violations, repaired)
VALUES (%(now)s, %(alerts_checked)s, %(violations)s, %(repaired)s);
