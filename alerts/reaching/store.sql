-- What a look ahead is made from, and where it is kept. `now` is a parameter.

-- name: people
SELECT person.person_id, assignment.staff_id, assignment.kind, assignment.valid_from,
    assignment.valid_until
FROM person
LEFT JOIN assignment ON assignment.person_id = person.person_id
    AND assignment.valid_from < %(end)s
    AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
ORDER BY person.person_id, assignment.staff_id, assignment.kind, assignment.valid_from;

-- name: staff
SELECT staff_at_work.staff_id, staff_at_work.team_id, staff_at_work.role, staff_at_work.left_at,
    staff.display_name
FROM staff_at_work JOIN staff USING (staff_id);

-- As the statement `recipients` of the alerts' own store counts them.
-- name: addresses
SELECT DISTINCT staff_id FROM staff_address
WHERE NOT is_dead AND channel = ANY (%(channels)s::text[]) AND created_at <= %(now)s
  AND (disabled_at IS NULL OR disabled_at > %(now)s);

-- Cover that its giver took back is no absence; that which the other one cannot give is.
-- name: covers
SELECT away_staff_id, cover_staff_id, valid_from, valid_until,
    coalesce(accepted_at <= %(now)s, false) AS is_accepted,
    coalesce(accepted_at IS NULL AND ended_by = cover_staff_id, false) AS is_declined
FROM cover
WHERE valid_until > %(now)s AND valid_from < %(end)s
  AND (ended_at IS NULL OR accepted_at IS NOT NULL OR ended_by = cover_staff_id)
ORDER BY cover_id;

-- name: is_due
SELECT pg_try_advisory_xact_lock(hashtextextended('tidewell.alerts.reach', 0))
    AND NOT EXISTS (SELECT FROM reach_run WHERE at > %(since)s AND at <= %(now)s);

-- name: keep
INSERT INTO reach_run (at, until, people, findings)
VALUES (%(now)s, %(until)s, %(people)s, %(findings)s);

-- name: forget
DELETE FROM reach_run WHERE at < %(before)s;
