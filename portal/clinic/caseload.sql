-- A clinician's people. Row security shows those whom the viewer may see and no others; to ask of each row again
-- would be most of what a list of hundreds costs.

-- name: weeks
SELECT person.person_id, person.label, week.days_worn, week.worn_minutes,
    COALESCE(
        (SELECT array_agg(alert.level) FROM alert
         WHERE alert.person_id = person.person_id AND alert.state <> 'closed'), '{}'
    ) AS alert_levels
FROM unnest(%(person_ids)s::integer[]) AS listed (person_id)
JOIN person USING (person_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE daily_feature.worn_minutes >= %(worn_least)s)::integer AS days_worn,
        avg(daily_feature.worn_minutes)::float8 AS worn_minutes
    FROM daily_feature
    WHERE daily_feature.person_id = person.person_id
      AND daily_feature.day >= %(first_day)s AND daily_feature.day <= %(last_day)s
) AS week;

-- name: changes
SELECT person_id, family, opened_at, level, explanation
FROM episode
WHERE person_id = ANY (%(person_ids)s::integer[]) AND closed_at IS NULL AND level <> 'usual'
ORDER BY person_id, opened_at DESC;
