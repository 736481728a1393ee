-- One person's page for staff. Every query asks whether the viewer may see the person: of the number that was asked
-- for and not of each row, so that the database asks once.

-- name: days
SELECT day, worn_minutes, usual, to_jsonb(daily_feature) - 'usual' AS measured
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY day;

-- name: last_worn_day
SELECT day FROM daily_feature
WHERE person_id = %(person_id)s AND worn_minutes > 0
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY day DESC LIMIT 1;

-- name: episodes
SELECT family, opened_at, closed_at, level, explanation
FROM episode
WHERE person_id = %(person_id)s AND opened_at < %(until)s
  AND (closed_at IS NULL OR closed_at >= %(since)s) AND level <> 'usual'
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY opened_at DESC
LIMIT %(limit)s;

-- name: alerts
SELECT alert.public_id, alert.level, alert.state, alert.cause, alert.since, alert.raised_at,
    alert.closed_at, alert.outcome, staff.display_name AS accepted_by_name
FROM alert
LEFT JOIN staff ON staff.staff_id = alert.accepted_by
WHERE alert.person_id = %(person_id)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY alert.state = 'closed', alert.raised_at DESC
LIMIT %(limit)s;

-- name: no_data
SELECT starts_at, ends_at, kind
FROM no_data_for_staff(%(staff_id)s, %(person_id)s, %(now)s, %(first_time)s, %(end_time)s);

-- name: heart_rate_by_hour
SELECT date_bin('1 hour', time, TIMESTAMPTZ '2000-01-01 00:00Z') AS hour,
    min(heart_rate)::float8 AS lowest,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY heart_rate) AS middle,
    max(heart_rate)::float8 AS highest,
    max(time) AS last_time
FROM readings_for_staff(%(staff_id)s, %(person_id)s, %(now)s, %(first_time)s, %(end_time)s)
WHERE heart_rate IS NOT NULL
GROUP BY 1
ORDER BY 1;
