-- What every step of alerts shares. `now` is always a parameter; every change of an alert first
-- locks its row.

-- A process that stands still must not hold an alert's row for ever; the server ends its session.
-- name: limit_idle
SELECT set_config('idle_in_transaction_session_timeout', %(most)s, false) AS most;

-- name: tell_portal
SELECT pg_notify('tidewell_alert', %(alert_id)s::text);

-- name: alert
SELECT alert_id, public_id, person_id, cause, state, level, raised_at, accepted_by, accepted_at,
    snoozed_until, offered_to, closed_at, outcome, policy, wake_at
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
SELECT kind, reason, at, staff_id, detail
FROM alert_event
WHERE alert_id = %(alert_id)s
  AND kind IN (
      'created', 'worsened', 're_opened', 'notification_queued', 'no_notification_sent', 'escalated',
      'overdue', 'held', 'accepted', 'snoozed', 'reminded', 'asked_again'
  )
ORDER BY alert_event_id;

-- name: is_reached
-- Of those who were asked last. The console shows everything and reaches nobody, unless it is the
-- only channel there is.
SELECT EXISTS (
    SELECT FROM delivery
    WHERE alert_id = %(alert_id)s AND state IN ('waiting', 'handed_over')
      AND ask = (
          SELECT latest.ask FROM delivery AS latest
          WHERE latest.alert_id = %(alert_id)s ORDER BY latest.delivery_id DESC LIMIT 1
      )
      AND (
          channel <> 'console'
          OR NOT EXISTS (
              SELECT FROM delivery AS other
              WHERE other.alert_id = %(alert_id)s AND other.channel <> 'console'
          )
      )
);

-- name: has_left
SELECT EXISTS (
    SELECT FROM staff_at_work WHERE staff_id = %(staff_id)s AND left_at <= %(now)s
);

-- Who could be asked about a person, by step of the chain. Cover counts once it was accepted; who
-- left is nowhere.
-- name: recipients
WITH knows AS (
    SELECT staff_id, kind
    FROM assignment
    WHERE person_id = %(person_id)s
      AND valid_from <= %(now)s AND (valid_until IS NULL OR valid_until > %(now)s)
), away AS (
    SELECT away_staff_id, cover_staff_id
    FROM cover
    WHERE accepted_at <= %(now)s AND valid_from <= %(now)s AND valid_until > %(now)s
), candidate AS (
    SELECT staff_id, 'key_worker' AS step FROM knows WHERE kind = 'key_worker'
    UNION SELECT away.cover_staff_id, 'cover'
    FROM away JOIN knows ON knows.staff_id = away.away_staff_id AND knows.kind = 'key_worker'
    UNION SELECT staff_id, 'assigned' FROM knows
    UNION SELECT member.staff_id, 'team'
    FROM knows
    JOIN staff_at_work AS known USING (staff_id)
    JOIN staff_at_work AS member ON member.team_id = known.team_id
    WHERE member.role = 'practitioner'
    UNION SELECT unnest(%(duty_line)s::integer[]), 'duty_line'
    UNION SELECT unnest(%(service_managers)s::integer[]), 'service_manager'
)
SELECT candidate.staff_id, candidate.step,
       EXISTS (SELECT FROM away WHERE away.away_staff_id = candidate.staff_id) AS is_away,
       EXISTS (
           SELECT FROM staff_address
           WHERE staff_address.staff_id = candidate.staff_id AND NOT staff_address.is_dead
             AND staff_address.channel = ANY (%(channels)s::text[])
             AND staff_address.created_at <= %(now)s
             AND (staff_address.disabled_at IS NULL OR staff_address.disabled_at > %(now)s)
       ) AS has_address
FROM candidate
JOIN staff_at_work USING (staff_id)
WHERE staff_at_work.left_at IS NULL OR staff_at_work.left_at > %(now)s
ORDER BY candidate.staff_id, candidate.step;

-- name: addresses_of_staff
SELECT staff_id, channel, address, is_dead
FROM staff_address
WHERE staff_id = ANY (%(staff_ids)s) AND created_at <= %(now)s
  AND (disabled_at IS NULL OR disabled_at > %(now)s)
ORDER BY staff_id, channel, address;

-- name: queue_delivery
INSERT INTO delivery (
    alert_id, staff_id, channel, address, idempotency_key, state, attempt_at, ask, is_first, bundle
)
VALUES (
    %(alert_id)s, %(staff_id)s, %(channel)s, %(address)s, %(idempotency_key)s, 'waiting',
    %(attempt_at)s, %(ask)s, %(is_first)s, %(bundle)s
)
ON CONFLICT (idempotency_key) DO NOTHING;

-- name: set_next_step
UPDATE alert
SET wake_at = %(wake_at)s, recipient_staff_id = %(recipient_staff_id)s
WHERE alert_id = %(alert_id)s;

-- Nobody is on it any more.
-- name: reopen
UPDATE alert
SET state = 'raised', accepted_by = NULL, accepted_at = NULL, snoozed_until = NULL,
    snooze_reason = NULL, offered_to = NULL
WHERE alert_id = %(alert_id)s AND state = 'accepted';

-- name: is_first_of_person
SELECT NOT EXISTS (
    SELECT FROM alert AS earlier
    JOIN alert USING (person_id)
    WHERE alert.alert_id = %(alert_id)s AND earlier.alert_id < alert.alert_id
);

-- Keeps two processes from filling one budget twice. A statement of its own: the next one sees what the other
-- process has committed meanwhile.
-- name: lock_budget
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.alerts.budget', %(staff_id)s));

-- When somebody was sent a message lately, or will be: each bundle counts once.
-- name: recent_pushes
SELECT max(coalesce(delivery.handed_over_at, delivery.attempt_at)) AS at, delivery.bundle,
       bool_and(delivery.attempts = 0 AND delivery.state = 'waiting') AS is_unsent
FROM delivery
WHERE delivery.staff_id = %(staff_id)s AND delivery.channel = %(channel)s
  AND delivery.address = %(address)s AND delivery.state <> 'given_up'
  AND delivery.attempt_at > %(since)s
GROUP BY coalesce(delivery.bundle, delivery.delivery_id::text), delivery.bundle
ORDER BY 1;

-- name: due_alerts
SELECT alert_id
FROM alert
WHERE wake_at <= %(now)s AND state <> 'closed' AND alert_id <> ALL (%(set_aside)s::bigint[])
ORDER BY wake_at, alert_id
LIMIT %(most)s;

-- What was still to be sent and is not wanted any more.
-- name: withdraw_deliveries
UPDATE delivery
SET state = 'given_up', last_error = %(reason)s
WHERE alert_id = %(alert_id)s AND state = 'waiting'
RETURNING staff_id, channel;
