-- The people whose pages open to a member of staff, and what is known about the data of each.

-- name: people_of_staff
SELECT person.person_id, person.timezone,
    COALESCE(identity.preferred_name, person.label) AS name,
    pause.paused_from, pause.paused_until, heard.heard_at,
    closed_day.day AS last_day, closed_day.worn_minutes AS last_worn_minutes,
    COALESCE(closed_day.usual <> '{}', false) AS usual_is_known,
    (SELECT count(*) FROM alert WHERE alert.person_id = person.person_id AND alert.state <> 'closed')
        AS open_alerts,
    COALESCE(
        (SELECT array_agg(DISTINCT episode.family) FROM episode
         WHERE episode.person_id = person.person_id AND episode.closed_at IS NULL
           AND episode.level <> 'usual'), '{}'
    ) AS open_families,
    device_off.opened_at AS off_noticed_at, device_off.explanation AS off_explanation,
    CASE
        WHEN device_now.in_use THEN
            CASE WHEN outage.is_open THEN 'our_outage' ELSE silence.reason END
        WHEN device_now.is_revoked THEN 'device_revoked'
        ELSE 'not_assigned'
    END AS no_data_reason,
    silence.battery_percent, mine.because
FROM people_open_to(%(staff_id)s, %(now)s) AS mine
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
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
      AND device_cursor.first_received_at
          < COALESCE(device_assignment.valid_until, 'infinity'::timestamptz)
) AS heard ON true
LEFT JOIN LATERAL (
    SELECT day, worn_minutes, usual FROM daily_feature
    WHERE daily_feature.person_id = person.person_id
    ORDER BY day DESC LIMIT 1
) AS closed_day ON true
-- At this level it asks for nothing: the device came off, as it does to charge or to shower.
LEFT JOIN LATERAL (
    SELECT opened_at, explanation FROM episode
    WHERE episode.person_id = person.person_id AND episode.closed_at IS NULL
      AND episode.family = 'device' AND episode.level = 'usual'
    ORDER BY opened_at DESC LIMIT 1
) AS device_off ON true
LEFT JOIN LATERAL (
    SELECT silence.reason, silence.battery_percent FROM silence
    WHERE silence.person_id = person.person_id AND silence.ended_at IS NULL
    ORDER BY silence.silent_from DESC LIMIT 1
) AS silence ON true
LEFT JOIN LATERAL (
    SELECT bool_or(device.revoked_at IS NULL OR device.revoked_at > %(now)s) AS in_use,
        bool_or(device.revoked_at <= %(now)s) AS is_revoked
    FROM device_assignment JOIN device USING (device_id)
    WHERE device_assignment.person_id = person.person_id AND device_assignment.valid_from <= %(now)s
      AND (device_assignment.valid_until IS NULL OR device_assignment.valid_until > %(now)s)
) AS device_now ON true
LEFT JOIN LATERAL (
    SELECT count(*) > 0 AS is_open FROM outage
    WHERE outage.ended_at IS NULL AND person.shard = ANY (outage.shards)
) AS outage ON true
WHERE %(person_id)s::integer IS NULL OR person.person_id = %(person_id)s
ORDER BY name, person.person_id
LIMIT %(limit)s;

-- name: log_look
INSERT INTO access_log (at, person_id, staff_id, looked_at)
VALUES (%(now)s, %(person_id)s, %(staff_id)s, %(looked_at)s);

-- Of many people in one statement: a list of hundreds is not hundreds of statements.
-- name: log_looks
INSERT INTO access_log (at, person_id, staff_id, looked_at)
SELECT %(now)s, looked.person_id, %(staff_id)s, %(looked_at)s
FROM unnest(%(person_ids)s::integer[]) AS looked (person_id);

-- name: log_list_look
INSERT INTO access_log (at, person_id, staff_id, looked_at)
SELECT %(now)s, listed.person_id, %(staff_id)s, %(looked_at)s
FROM unnest(%(person_ids)s::integer[]) AS listed (person_id)
WHERE NOT EXISTS (
    SELECT FROM access_log
    WHERE access_log.person_id = listed.person_id AND access_log.staff_id = %(staff_id)s
      AND access_log.looked_at = %(looked_at)s AND access_log.at > %(since)s
);
