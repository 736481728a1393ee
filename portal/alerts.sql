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
    SELECT assignment.person_id FROM assignment
    WHERE assignment.staff_id = %(staff_id)s AND assignment.valid_from <= %(now)s
      AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
)
ORDER BY array_position(ARRAY['check_now', 'check_today', 'for_review'], alert.level),
    alert.state = 'accepted', alert.raised_at
LIMIT %(limit)s;

-- name: alert
SELECT alert.alert_id, alert.public_id, alert.person_id, alert.level, alert.state, alert.cause,
    alert.since, alert.raised_at, alert.back_to_usual_at, alert.accepted_by, alert.accepted_at,
    alert.closed_at, alert.outcome, alert.note, alert.explanation, person.timezone,
    COALESCE(identity.preferred_name, person.label) AS name,
    accepter.display_name AS accepted_by_name, closer.display_name AS closed_by_name
FROM alert
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
LEFT JOIN staff AS accepter ON accepter.staff_id = alert.accepted_by
LEFT JOIN staff AS closer ON closer.staff_id = alert.closed_by
WHERE alert.public_id = %(public_id)s
  AND staff_may_see(%(staff_id)s, alert.person_id, %(now)s);

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
    staff.display_name AS staff_name
FROM alert_event
LEFT JOIN staff USING (staff_id)
WHERE alert_event.alert_id = %(alert_id)s
ORDER BY alert_event.alert_event_id
LIMIT %(limit)s;

-- An action of the same kind by the same person that still waits is not asked for twice.
-- name: ask_of_alert
INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at)
SELECT alert.alert_id, %(staff_id)s, %(kind)s, %(outcome)s, %(note)s, %(now)s
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
SELECT day, worn_minutes, usual, to_jsonb(daily_feature) AS measured
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
  AND staff_may_see(%(staff_id)s, person_id, %(now)s)
ORDER BY day;
