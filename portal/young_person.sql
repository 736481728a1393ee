-- The young person's own pages. Every query takes their own number from their session.

-- name: myself
SELECT person.person_id, person.timezone,
    COALESCE(own_choice.reading_level, person.reading_level) AS reading_level,
    COALESCE(identity.preferred_name, person.label) AS name,
    pause.paused_from, pause.paused_until, heard.heard_at
FROM person
LEFT JOIN identity USING (person_id)
LEFT JOIN own_choice USING (person_id)
LEFT JOIN LATERAL (
    SELECT paused_from, paused_until FROM pause
    WHERE pause.person_id = person.person_id AND pause.paused_from <= %(now)s
      AND (pause.paused_until IS NULL OR pause.paused_until > %(now)s)
    ORDER BY pause.paused_until DESC NULLS FIRST LIMIT 1
) AS pause ON true
LEFT JOIN LATERAL (
    SELECT max(device_cursor.last_received_at) AS heard_at
    FROM device_assignment JOIN device_cursor USING (device_id)
    WHERE device_assignment.person_id = person.person_id
      AND device_cursor.last_received_at >= device_assignment.valid_from
) AS heard ON true
WHERE person.person_id = %(person_id)s;

-- name: my_days
SELECT day, worn_minutes, usual, to_jsonb(daily_feature) - 'usual' AS measured
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
ORDER BY day;

-- What is about the device is told only while it lasts.
-- name: my_episodes
SELECT family, opened_at, explanation FROM episode
WHERE person_id = %(person_id)s
  AND (closed_at IS NULL OR (closed_at > %(since)s AND family <> 'device'))
ORDER BY closed_at IS NOT NULL, opened_at DESC
LIMIT %(limit)s;

-- name: my_people
SELECT staff.display_name AS name, staff.role, team.name AS team,
    bool_or(assignment.kind = 'key_worker') AS is_key_worker
FROM assignment
JOIN staff USING (staff_id)
LEFT JOIN team USING (team_id)
WHERE assignment.person_id = %(person_id)s AND assignment.valid_from <= %(now)s
  AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
GROUP BY staff.staff_id, team.name
ORDER BY is_key_worker DESC, staff.display_name;

-- Cover that nobody accepted yet counts as nobody.
-- name: worker_away
SELECT cover.valid_until AS until,
    CASE WHEN cover.accepted_at IS NOT NULL THEN receiver.display_name END AS cover_name
FROM assignment
JOIN cover ON cover.away_staff_id = assignment.staff_id
JOIN staff AS receiver ON receiver.staff_id = cover.cover_staff_id
WHERE assignment.person_id = %(person_id)s AND assignment.kind = 'key_worker'
  AND assignment.valid_from <= %(now)s
  AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
  AND cover.valid_from <= %(now)s AND cover.valid_until > %(now)s AND cover.ended_at IS NULL
ORDER BY cover.accepted_at IS NULL, cover.valid_until DESC
LIMIT 1;

-- name: my_choice_of_words
INSERT INTO own_choice (person_id, reading_level, changed_at)
VALUES (%(person_id)s, %(reading_level)s, %(now)s)
ON CONFLICT (person_id) DO UPDATE
SET reading_level = excluded.reading_level, changed_at = excluded.changed_at;

-- name: what_went_well
SELECT going_well AS words, day FROM check_in
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND going_well <> ''
ORDER BY check_in_id DESC
LIMIT %(limit)s;

-- name: who_looked
SELECT (access_log.at AT TIME ZONE person.timezone)::date AS day,
    COALESCE(
        staff.display_name,
        CASE access_log.looked_at WHEN 'download' THEN 'You' WHEN 'exported' THEN 'The service' ELSE 'Somebody' END
    ) AS name, COALESCE(staff.role, '') AS role,
    access_log.looked_at, count(*)::integer AS times, max(access_log.at) AS last_at
FROM access_log
JOIN person USING (person_id)
LEFT JOIN staff USING (staff_id)
WHERE access_log.person_id = %(person_id)s AND access_log.at > %(since)s
GROUP BY 1, staff.staff_id, staff.display_name, staff.role, access_log.looked_at
ORDER BY last_at DESC
LIMIT %(limit)s;

-- name: start_pause
INSERT INTO pause (person_id, paused_from, paused_until)
VALUES (%(person_id)s, %(now)s, %(paused_until)s);

-- A pause lasts at least a microsecond, so that resuming in the same instant is possible.
-- name: end_pauses
UPDATE pause
SET paused_until = GREATEST(%(now)s, paused_from + INTERVAL '1 microsecond')
WHERE person_id = %(person_id)s AND paused_from <= %(now)s
  AND (paused_until IS NULL OR paused_until > %(now)s);
