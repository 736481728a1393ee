-- Hours of the day and nights of one person. Every query asks whether the viewer may see the person.

-- name: profile
SELECT bin, is_weekend, count(*)::integer AS minutes,
    percentile_cont(ARRAY[0.1, 0.25, 0.5, 0.75, 0.9]) WITHIN GROUP (ORDER BY value) AS percentiles
FROM (
    SELECT floor(date_part('hour', local) * 2 + date_part('minute', local) / 30)::integer AS bin,
        date_part('isodow', local) > 5 AS is_weekend, value
    FROM (
        SELECT measured_at AT TIME ZONE %(zone)s AS local, value
        FROM channel_for_staff(
            %(staff_id)s, %(person_id)s, %(now)s, %(first_time)s, %(end_time)s, %(channel)s
        )
    ) AS measured
) AS placed
GROUP BY bin, is_weekend;

-- name: sleep
SELECT date_bin('15 minutes', measured_at, TIMESTAMPTZ '2000-01-01 00:00Z') AS starts_at,
    avg(CASE WHEN value > 0 THEN 1.0::float8 ELSE 0.0::float8 END) AS asleep
FROM channel_for_staff(%(staff_id)s, %(person_id)s, %(now)s, %(first_time)s, %(end_time)s, 'sleep_state')
GROUP BY 1;

-- name: regularity
SELECT day, sleep_regularity AS value, usual
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
  AND sleep_regularity IS NOT NULL
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY day DESC LIMIT 1;
