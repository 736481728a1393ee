-- One person over time, for a clinician. Every query asks whether the viewer may see the person.

-- name: steps
SELECT step_start, is_off, seconds, asleep, low, middle, high
FROM channel_steps_for_staff(
    %(staff_id)s, %(person_id)s, %(now)s, %(first_time)s, %(end_time)s, %(step)s
);

-- name: days
SELECT day, worn_minutes, usual, to_jsonb(daily_feature) - 'usual' AS measured
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s AND day <= %(last_day)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY day;

-- What happened: notes by their days, alerts from their raising, contacts as they were written down, and as
-- alerts ended with one. Of a contact of an earlier day only the day is known; its noon stands for it.
-- name: marks
SELECT kind, starts_at, ends_at, what, level, words
FROM (
    SELECT 'note' AS kind, first_day::timestamp AT TIME ZONE %(zone)s AS starts_at,
        (last_day + 1)::timestamp AT TIME ZONE %(zone)s AS ends_at, kind AS what, '' AS level, own_words AS words
    FROM context_note WHERE person_id = %(person_id)s AND removed_at IS NULL
    UNION ALL
    SELECT 'alert', raised_at, closed_at, cause, level, '' FROM alert WHERE person_id = %(person_id)s
    UNION ALL
    SELECT 'contact', closed_at, closed_at, outcome, '', '' FROM alert
    WHERE person_id = %(person_id)s AND outcome IN ('support_needed', 'all_fine')
    UNION ALL
    SELECT 'contact', at, at, kind, '', '' FROM contact_log
    WHERE person_id = %(person_id)s AND kind <> 'correction'
    UNION ALL
    SELECT 'pause', paused_from, paused_until, '', '', '' FROM pause WHERE person_id = %(person_id)s
    UNION ALL
    SELECT 'worry', at, at, source, '', '' FROM concern
    WHERE person_id = %(person_id)s AND kind = 'raise' AND source <> 'young_person'
) AS happened
WHERE starts_at < %(end_time)s AND COALESCE(ends_at, 'infinity') >= %(first_time)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY starts_at DESC
LIMIT %(limit)s;
