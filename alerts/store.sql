-- What every step of alerts shares. `now` is always a parameter; every change of an alert first
-- locks its row.

-- name: tell_portal
SELECT pg_notify('tidewell_alert', %(alert_id)s::text);

-- name: alert
SELECT alert_id, public_id, person_id, state, level, raised_at, accepted_by, policy, wake_at
FROM alert
WHERE alert_id = %(alert_id)s
FOR UPDATE;

-- name: record_event
INSERT INTO alert_event (alert_id, at, kind, reason, staff_id, alert_action_id, detail)
VALUES (
    %(alert_id)s, %(at)s, %(kind)s, %(reason)s, %(staff_id)s, %(alert_action_id)s, %(detail)s
);

-- Only what a decision depends on: daily repeats and looks would make this long.
-- name: history
SELECT kind, reason, at, staff_id
FROM alert_event
WHERE alert_id = %(alert_id)s
  AND kind IN ('created', 'worsened', 'notification_queued', 'no_notification_sent', 'escalated', 'overdue')
ORDER BY alert_event_id;

-- name: is_reached
-- The console shows everything and reaches nobody, unless it is the only channel there is.
SELECT EXISTS (
    SELECT FROM delivery
    WHERE alert_id = %(alert_id)s AND state IN ('waiting', 'handed_over')
      AND (
          channel <> 'console'
          OR NOT EXISTS (
              SELECT FROM delivery AS other
              WHERE other.alert_id = %(alert_id)s AND other.channel <> 'console'
          )
      )
);

-- name: assigned
SELECT staff_id, bool_or(kind = 'key_worker') AS is_key_worker
FROM assignment
WHERE person_id = %(person_id)s
  AND valid_from <= %(now)s AND (valid_until IS NULL OR valid_until > %(now)s)
GROUP BY staff_id
ORDER BY staff_id;

-- name: contact_methods
SELECT staff_id, channel, address
FROM contact_method
WHERE staff_id = ANY (%(staff_ids)s) AND created_at <= %(now)s
  AND (disabled_at IS NULL OR disabled_at > %(now)s)
ORDER BY staff_id, contact_method_id;

-- name: queue_delivery
INSERT INTO delivery (alert_id, staff_id, channel, address, idempotency_key, state, attempt_at)
VALUES (
    %(alert_id)s, %(staff_id)s, %(channel)s, %(address)s, %(idempotency_key)s, 'waiting', %(now)s
)
ON CONFLICT (idempotency_key) DO NOTHING;

-- name: set_next_step
UPDATE alert
SET wake_at = %(wake_at)s, recipient_staff_id = %(recipient_staff_id)s
WHERE alert_id = %(alert_id)s;

-- name: due_alerts
SELECT alert_id
FROM alert
WHERE wake_at <= %(now)s AND state <> 'closed' AND alert_id <> ALL (%(set_aside)s::bigint[])
ORDER BY wake_at, alert_id
LIMIT %(most)s;
