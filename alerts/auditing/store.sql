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

-- Whoever left the service is on nothing any more; each of these is looked at in the same minute.
-- name: wake_what_leavers_own
UPDATE alert
SET wake_at = %(now)s
FROM staff_at_work
WHERE alert.state = 'accepted' AND alert.wake_at > %(now)s
  AND staff_at_work.staff_id = alert.accepted_by AND staff_at_work.left_at <= %(now)s;

-- A lease that ends so late was taken by the same clock; a receiver who sees a message twice shows one.
-- name: pull_in_put_off
UPDATE delivery
SET attempt_at = least(attempt_at, %(now)s), lease_owner = NULL, lease_until = NULL
WHERE state = 'waiting'
  AND (lease_until > %(far)s OR attempt_at > CASE WHEN bundle IS NULL THEN %(far)s ELSE %(far_in_bundle)s END)
RETURNING delivery_id, alert_id;

-- A page; `alert_unclosed` holds all that is asked.
-- name: unclosed_alerts
SELECT alert_id, state, wake_at FROM alert
WHERE state <> 'closed' AND alert_id > %(after)s
ORDER BY alert_id
LIMIT %(most)s;

-- What nobody comes for. Of a bundle the message that stands for all is tried; the others wait for it.
-- An event or an answer was stored when its time says, give or take a transaction.
-- name: waiting_too_long
SELECT
    (
        SELECT count(*) FROM delivery JOIN alert USING (alert_id)
        WHERE delivery.state = 'waiting' AND delivery.attempt_at <= %(late)s
          AND (delivery.lease_until IS NULL OR delivery.lease_until <= %(late)s)
          AND alert.state <> 'closed'
          AND (delivery.bundle IS NULL OR delivery.delivery_id = (
              SELECT min(other.delivery_id) FROM delivery AS other
              WHERE other.bundle = delivery.bundle AND other.state = 'waiting'
          ))
    ) AS messages,
    (
        SELECT count(*) FROM episode_event
        WHERE recorded_at <= %(late)s AND NOT EXISTS (
            SELECT FROM alert_intake
            WHERE alert_intake.episode_event_id = episode_event.episode_event_id
        )
    ) AS events,
    (
        SELECT count(*) FROM concern
        WHERE at <= %(late)s AND NOT EXISTS (
            SELECT FROM concern_intake WHERE concern_intake.concern_id = concern.concern_id
        )
    ) AS concerns,
    (
        SELECT count(*) FROM alert_action JOIN alert USING (alert_id)
        WHERE alert_action.at <= %(late)s AND NOT EXISTS (
            SELECT FROM alert_event
            WHERE alert_event.alert_action_id = alert_action.alert_action_id
        )
    ) AS answers;

-- name: repair
UPDATE alert
SET wake_at = %(now)s
WHERE alert_id = %(alert_id)s AND state <> 'closed'
  AND wake_at IS NOT DISTINCT FROM %(wake_at)s
RETURNING alert_id;

-- name: record_audit
INSERT INTO auditor_run (at, alerts_checked, violations, repaired, heartbeat, probe_seconds)
VALUES (
    %(now)s, %(alerts_checked)s, %(violations)s, %(repaired)s, %(heartbeat)s, %(probe_seconds)s
);
