-- What the demo's people did in the days before it started, each written as its own writer writes it.

-- name: hold_policy
INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %(body)s, %(since)s);

-- name: worry
INSERT INTO concern (person_id, kind, source, staff_id, level, note, at)
VALUES (%(person)s, 'raise', 'staff', %(staff)s, %(level)s, %(note)s, %(at)s);

-- name: ask
INSERT INTO concern (person_id, kind, source, choice, at)
VALUES (%(person)s, 'raise', 'young_person', %(choice)s, %(at)s);

-- name: cover
INSERT INTO cover (away_staff_id, cover_staff_id, valid_from, valid_until, accepted_at)
VALUES (%(away)s, %(cover)s, %(at)s, %(end)s, %(at)s);

-- The alert that is open about a person; there is one at a time in the demo's past.
-- name: answer
INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at, seen_level)
SELECT alert_id, %(staff)s, %(kind)s, %(outcome)s, %(note)s, %(at)s, level
FROM alert WHERE person_id = %(person)s AND state <> 'closed';

-- name: look
INSERT INTO access_log (at, person_id, staff_id, looked_at)
VALUES (%(at)s, %(person)s, %(staff)s, 'asked');

-- name: next_wake
SELECT min(wake_at) FROM alert WHERE state <> 'closed';
