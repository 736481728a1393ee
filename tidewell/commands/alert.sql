-- Alerts from the command line: what the pages ask, asked here. `now` is a parameter.

-- name: staff_of
SELECT staff_id FROM sign_in
WHERE username = %(username)s AND staff_id IS NOT NULL
  AND (disabled_at IS NULL OR disabled_at > %(now)s);

-- name: find_alert
SELECT alert_id, level, state FROM alert WHERE public_id = %(public_id)s;

-- name: ask
INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at, seen_level)
VALUES (%(alert_id)s, %(staff_id)s, %(kind)s, %(outcome)s, %(note)s, %(now)s, %(seen_level)s)
RETURNING alert_action_id;

-- name: tell_alerts
SELECT pg_notify('tidewell_alert_action', %(alert_action_id)s::text);

-- name: story
SELECT alert_event.at, alert_event.kind, alert_event.reason, alert_event.staff_id, alert_event.detail
FROM alert_event
WHERE alert_event.alert_id = %(alert_id)s
ORDER BY alert_event.alert_event_id
LIMIT %(most)s;

-- name: add_cover
INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until)
VALUES (%(away)s, %(by)s, %(first)s, %(end)s);

-- name: accept_cover
UPDATE cover SET accepted_at = %(now)s
WHERE away_staff_id = %(away)s AND cover_staff_id = %(by)s AND accepted_at IS NULL AND ended_at IS NULL
  AND valid_until > %(now)s
RETURNING cover_id;

-- name: find_person
SELECT person_id FROM person WHERE label = %(label)s;

-- Whoever works with people may be worried about any of them.
-- name: say_worry
INSERT INTO concern (person_id, kind, source, staff_id, level, note, at)
SELECT %(person_id)s, 'raise', %(source)s, staff.staff_id, %(level)s, %(note)s, %(now)s
FROM staff
WHERE staff.staff_id = %(staff_id)s AND staff.role IN ('practitioner', 'clinician')
RETURNING concern_id;

-- name: tell_of_worry
SELECT pg_notify('tidewell_concern', %(concern_id)s::text);
