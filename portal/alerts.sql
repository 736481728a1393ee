-- Alerts as the pages show them. Every query asks whether the viewer may see the person.

-- name: open_alerts
SELECT alert.alert_id, alert.public_id, alert.person_id, alert.level, alert.state, alert.cause,
    alert.since, alert.raised_at, alert.back_to_usual_at, alert.accepted_by, alert.accepted_at,
    alert.explanation, person.timezone,
    COALESCE(identity.preferred_name, person.label) AS name,
    accepter.display_name AS accepted_by_name,
    EXISTS (
        SELECT FROM alert_action
        WHERE alert_action.alert_id = alert.alert_id AND NOT EXISTS (
            SELECT FROM alert_event
            WHERE alert_event.alert_action_id = alert_action.alert_action_id
        )
    ) AS has_waiting_action
FROM alert
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
LEFT JOIN staff AS accepter ON accepter.staff_id = alert.accepted_by
WHERE alert.state <> 'closed' AND alert.person_id IN (
    SELECT open_now.person_id FROM people_open_to(%(staff_id)s, %(now)s) AS open_now
    UNION
    SELECT asked.person_id FROM delivery
    JOIN alert AS asked USING (alert_id)
    WHERE delivery.staff_id = %(staff_id)s AND asked.state <> 'closed'
)
-- Of one level, what a person asked for stands before what was measured.
ORDER BY array_position(ARRAY['check_now', 'check_today', 'for_review'], alert.level),
    alert.state = 'accepted', alert.cause NOT IN ('check_in_asked', 'worry'), alert.raised_at
LIMIT %(limit)s;

-- What was closed lately, as far as the viewer may still open it.
-- name: closed_alerts
SELECT alert.public_id, alert.person_id, alert.cause, alert.closed_at, alert.outcome, person.timezone,
    COALESCE(identity.preferred_name, person.label) AS name, closer.display_name AS closed_by_name
FROM alert
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
LEFT JOIN staff AS closer ON closer.staff_id = alert.closed_by
WHERE alert.state = 'closed' AND alert.closed_at > %(since)s AND alert.person_id <> 0
  AND staff_may_see(%(staff_id)s, alert.person_id, %(now)s)
ORDER BY alert.closed_at DESC, alert.alert_id DESC
LIMIT %(limit)s;

-- name: alert
SELECT alert.alert_id, alert.public_id, alert.person_id, alert.level, alert.state, alert.cause,
    alert.since, alert.raised_at, alert.back_to_usual_at, alert.accepted_by, alert.accepted_at,
    alert.snoozed_until, alert.snooze_reason, alert.offered_to,
    receiver.display_name AS offered_to_name, former.public_id AS former_public_id,
    (
        SELECT later.public_id FROM alert AS later WHERE later.former_alert_id = alert.alert_id
        ORDER BY later.alert_id DESC LIMIT 1
    ) AS later_public_id,
    alert.state = 'accepted' AND EXISTS (
        SELECT FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id AND alert_event.kind = 'reminded'
          AND alert_event.at >= alert.accepted_at
    ) AS is_reminded,
    alert.state IN ('raised', 'notified') AND EXISTS (
        SELECT FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id AND alert_event.kind = 'nobody_watching'
    ) AS nobody_watches,
    alert.closed_at, alert.outcome, alert.note, alert.explanation, person.timezone,
    COALESCE(identity.preferred_name, person.label) AS name,
    accepter.display_name AS accepted_by_name, closer.display_name AS closed_by_name,
    silence.reason AS no_data_reason, silence.battery_percent
FROM alert
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
LEFT JOIN silence ON silence.episode_id = alert.episode_id
LEFT JOIN staff AS accepter ON accepter.staff_id = alert.accepted_by
LEFT JOIN staff AS closer ON closer.staff_id = alert.closed_by
LEFT JOIN staff AS receiver ON receiver.staff_id = alert.offered_to
LEFT JOIN alert AS former ON former.alert_id = alert.former_alert_id
WHERE alert.public_id = %(public_id)s
  AND staff_may_see(%(staff_id)s, alert.person_id, %(now)s);

-- Practitioners of one's own team, and everybody else who may see the person.
-- name: colleagues
SELECT staff.staff_id, staff.display_name AS name
FROM staff_at_work
JOIN staff USING (staff_id)
WHERE staff.staff_id <> %(staff_id)s AND staff.role IN ('practitioner', 'clinician')
  AND (staff_at_work.left_at IS NULL OR staff_at_work.left_at > %(now)s)
  AND (
      staff.team_id = (SELECT own.team_id FROM staff AS own WHERE own.staff_id = %(staff_id)s)
      OR staff_may_see(staff.staff_id, %(person_id)s, %(now)s)
  )
ORDER BY staff.display_name, staff.staff_id
LIMIT 100;

-- name: waiting_actions
SELECT alert_action.alert_action_id, alert_action.staff_id, alert_action.kind, alert_action.outcome,
    alert_action.at, staff.display_name AS staff_name
FROM alert_action
JOIN staff USING (staff_id)
WHERE alert_action.alert_id = %(alert_id)s AND NOT EXISTS (
    SELECT FROM alert_event WHERE alert_event.alert_action_id = alert_action.alert_action_id
)
ORDER BY alert_action.alert_action_id;

-- name: story
SELECT alert_event.at, alert_event.kind, alert_event.reason, alert_event.staff_id,
    staff.display_name AS staff_name, alert_event.detail, receiver.display_name AS receiver_name,
    alert_action.snooze_until, alert_action.outcome
FROM alert_event
LEFT JOIN staff USING (staff_id)
LEFT JOIN alert_action USING (alert_action_id)
LEFT JOIN staff AS receiver ON receiver.staff_id = alert_action.to_staff_id
WHERE alert_event.alert_id = %(alert_id)s
ORDER BY alert_event.alert_event_id
LIMIT %(limit)s;

-- An action of the same kind by the same person that still waits is not asked for twice.
-- name: ask_of_alert
INSERT INTO alert_action (
    alert_id, staff_id, kind, outcome, note, at, seen_level, to_staff_id, snooze_reason, snooze_until
)
SELECT alert.alert_id, %(staff_id)s, %(kind)s, %(outcome)s, %(note)s, %(now)s, %(seen_level)s,
    %(to_staff_id)s, %(snooze_reason)s, %(snooze_until)s
FROM alert
WHERE alert.alert_id = %(alert_id)s AND NOT EXISTS (
    SELECT FROM alert_action AS earlier
    WHERE earlier.alert_id = alert.alert_id AND earlier.staff_id = %(staff_id)s
      AND earlier.kind = %(kind)s AND NOT EXISTS (
        SELECT FROM alert_event WHERE alert_event.alert_action_id = earlier.alert_action_id
      )
)
RETURNING alert_action_id;

-- name: tell_alerts
SELECT pg_notify('tidewell_alert_action', %(alert_action_id)s::text);

-- name: recent_days
SELECT day, worn_minutes, usual, to_jsonb(daily_feature) - 'usual' AS measured
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY day;

-- What the device in use said last about its battery.
-- name: battery
SELECT device_status.battery_percent::integer, device_status.told_at
FROM device_assignment
JOIN device_status USING (device_id)
WHERE device_assignment.person_id = %(person_id)s AND device_assignment.valid_from <= %(now)s
  AND (device_assignment.valid_until IS NULL OR device_assignment.valid_until > %(now)s)
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY device_status.told_at DESC
LIMIT 1;
