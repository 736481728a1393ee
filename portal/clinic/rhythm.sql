-- Hours of the day and nights of one person. Every query asks whether the viewer may see the person.

-- name: minutes
SELECT minutes, moments, measured, sleep
FROM minutes_packed_for_staff(
    %(staff_id)s, %(person_id)s, %(now)s, %(first_time)s, %(end_time)s, %(channel)s, %(most)s
);

-- name: regularity
SELECT day, sleep_regularity AS value, usual
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
  AND sleep_regularity IS NOT NULL
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY day DESC LIMIT 1;
