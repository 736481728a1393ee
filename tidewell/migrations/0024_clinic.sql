-- What the clinician's pages read: a year of minutes as some hundred rows, one channel alone, and numbers of teams.
-- As for every look at readings: only for who is looking, and only of people whom they may see at that moment.

-- Lowest, average and highest value of every channel in equal steps of time. A step has one row for the
-- minutes in which the device was worn and one for those in which it was not; the arrays have the order of
-- the channels of a reading, up to `motion`.
CREATE FUNCTION channel_steps_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz, step interval
)
RETURNS TABLE (
    step_start timestamptz, is_off boolean, seconds bigint, asleep real, low real[], middle real[], high real[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT date_bin(step, reading.time, first_time), reading.worn IS NOT DISTINCT FROM 0, sum(reading.period_s),
        (count(*) FILTER (WHERE reading.sleep_state > 0))::real / nullif(count(reading.sleep_state), 0),
        ARRAY[min(reading.heart_rate), min(reading.hrv_rmssd), min(reading.skin_temperature), min(reading.eda),
              min(reading.steps), min(reading.spo2), min(reading.respiratory_rate), min(reading.motion)],
        ARRAY[avg(reading.heart_rate), avg(reading.hrv_rmssd), avg(reading.skin_temperature), avg(reading.eda),
              avg(reading.steps), avg(reading.spo2), avg(reading.respiratory_rate), avg(reading.motion)]::real[],
        ARRAY[max(reading.heart_rate), max(reading.hrv_rmssd), max(reading.skin_temperature), max(reading.eda),
              max(reading.steps), max(reading.spo2), max(reading.respiratory_rate), max(reading.motion)]
    FROM public.reading
    WHERE reading.person_id = viewed_person_id AND reading.time >= first_time AND reading.time < end_time
      AND viewer_staff_id = public.viewer_staff_id()
      AND public.staff_may_see(viewer_staff_id, viewed_person_id, at)
    GROUP BY 1, 2
    ORDER BY 1, 2;
END;

-- One channel alone, while the device was worn: a profile of hours and a picture of nights need no more.
CREATE FUNCTION channel_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz, channel text
)
RETURNS TABLE (measured_at timestamptz, value real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT measured.time, measured.value
    FROM (
        SELECT reading.time, CASE channel
            WHEN 'heart_rate' THEN reading.heart_rate
            WHEN 'hrv_rmssd' THEN reading.hrv_rmssd
            WHEN 'skin_temperature' THEN reading.skin_temperature
            WHEN 'eda' THEN reading.eda
            WHEN 'steps' THEN reading.steps
            WHEN 'spo2' THEN reading.spo2
            WHEN 'respiratory_rate' THEN reading.respiratory_rate
            WHEN 'motion' THEN reading.motion
            WHEN 'sleep_state' THEN reading.sleep_state
        END AS value
        FROM public.reading
        WHERE reading.person_id = viewed_person_id AND reading.time >= first_time AND reading.time < end_time
          AND reading.worn IS DISTINCT FROM 0
          AND viewer_staff_id = public.viewer_staff_id()
          AND public.staff_may_see(viewer_staff_id, viewed_person_id, at)
    ) AS measured
    WHERE measured.value IS NOT NULL;
END;

-- How many people each team had at the end of a stretch of time, and how many of them were in one of two
-- groups: with an alert, or without one and with too little data to notice much. The team is that of the key
-- worker. These are the numbers as they are: whoever shows them hides the small ones.
CREATE FUNCTION people_counted_by_team(
    first_time timestamptz, end_time timestamptz, worn_minutes_least real, days_least integer
)
RETURNS TABLE (team text, people bigint, with_alert bigint, little_data bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT coalesce(counted.team, ''), count(*), count(*) FILTER (WHERE counted.has_alert),
        count(*) FILTER (WHERE NOT counted.has_alert AND counted.days < days_least)
    FROM (
        SELECT team.name AS team,
            EXISTS (
                SELECT FROM public.alert WHERE alert.person_id = person.person_id
                  AND alert.raised_at >= first_time AND alert.raised_at < end_time
            ) AS has_alert,
            (
                SELECT count(*) FROM public.daily_feature WHERE daily_feature.person_id = person.person_id
                  AND daily_feature.day >= (first_time AT TIME ZONE person.timezone)::date
                  AND daily_feature.day < (end_time AT TIME ZONE person.timezone)::date
                  AND daily_feature.worn_minutes >= worn_minutes_least
            ) AS days
        FROM public.person
        JOIN public.assignment ON assignment.person_id = person.person_id AND assignment.kind = 'key_worker'
            AND assignment.valid_from < end_time
            AND (assignment.valid_until IS NULL OR assignment.valid_until >= end_time)
        JOIN public.staff ON staff.staff_id = assignment.staff_id
        LEFT JOIN public.team ON team.team_id = staff.team_id
        WHERE person.person_id <> 0
    ) AS counted
    GROUP BY counted.team
    ORDER BY 1;
END;

REVOKE EXECUTE ON FUNCTION channel_steps_for_staff, channel_for_staff, people_counted_by_team FROM PUBLIC;
GRANT EXECUTE ON FUNCTION channel_steps_for_staff, channel_for_staff, people_counted_by_team TO tidewell_portal;
