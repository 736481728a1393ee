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
WHERE alert_id = %(alert_id)s AND state IN ('raised', 'notified');

-- name: unclosed_alerts
SELECT alert_id, state, wake_at FROM alert WHERE state <> 'closed' ORDER BY alert_id;

-- name: repair
UPDATE alert
SET wake_at = %(now)s
WHERE alert_id = %(alert_id)s AND state IN ('raised', 'notified')
  AND wake_at IS NOT DISTINCT FROM %(wake_at)s
RETURNING alert_id;

-- name: record_audit
INSERT INTO auditor_run (at, alerts_checked, violations, repaired)
VALUES (%(now)s, %(alerts_checked)s, %(violations)s, %(repaired)s);
