-- Hours of the day and nights of one person are told from their minutes, of which a season has 130,000. As rows they
-- were made, kept, sorted and counted twice, once for the hours and once for the nights. Packed they are read once; days
-- that are over stand ready in one row each.

-- One channel and sleep in the minutes in which the device was worn, in no order: moments as microseconds since 2000
-- (`timestamptz_send`), values as numbers of four bytes, the highest byte first; what a device did not measure is NaN.
-- More minutes than `most` are counted and not handed out. As for every look at readings: only for who is looking,
-- and only of people whom they may see at that moment.
CREATE FUNCTION minutes_packed_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz, channel text, most bigint
)
RETURNS TABLE (minutes bigint, moments bytea, measured bytea, sleep bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH days AS MATERIALIZED (
        -- The first moment of the first day that lies in the stretch as a whole.
        SELECT date_bin('1 day', first_time + interval '24 hours - 1 microsecond', TIMESTAMPTZ '2000-01-01 00:00Z') AS first
        WHERE viewer_staff_id = public.viewer_staff_id()
          AND public.staff_may_see(viewer_staff_id, viewed_person_id, at)
    ), whole AS MATERIALIZED (
        SELECT days.first, greatest(days.first, date_bin(
            '1 day', public.hours_stand_until(viewed_person_id, days.first, end_time, interval '24 hours'),
            TIMESTAMPTZ '2000-01-01 00:00Z'
        )) AS until
        FROM days
    ), part (moments, measured, sleep) AS (
        SELECT packed.moments, CASE channel
            WHEN 'heart_rate' THEN packed.heart_rate
            WHEN 'hrv_rmssd' THEN packed.hrv_rmssd
            WHEN 'skin_temperature' THEN packed.skin_temperature
            WHEN 'eda' THEN packed.eda
            WHEN 'steps' THEN packed.steps
            WHEN 'spo2' THEN packed.spo2
            WHEN 'respiratory_rate' THEN packed.respiratory_rate
            WHEN 'motion' THEN packed.motion
        END, packed.sleep_state
        FROM public.reading_day AS packed, whole
        WHERE packed.person_id = viewed_person_id
          AND packed.day >= (whole.first AT TIME ZONE 'UTC')::date
          AND packed.day < (whole.until AT TIME ZONE 'UTC')::date
        UNION ALL
        -- What lies before and after the whole days. Edge by edge, or all of the table would be read to join it.
        SELECT packed.moments, packed.measured, packed.sleep
        FROM (
            SELECT first_time AS first, least(end_time, whole.first) AS until FROM whole
            UNION ALL
            SELECT greatest(first_time, whole.until), end_time FROM whole
        ) AS edge CROSS JOIN LATERAL (
            SELECT string_agg(timestamptz_send(reading.time), ''::bytea),
                string_agg(float4send(coalesce(CASE channel
                    WHEN 'heart_rate' THEN reading.heart_rate
                    WHEN 'hrv_rmssd' THEN reading.hrv_rmssd
                    WHEN 'skin_temperature' THEN reading.skin_temperature
                    WHEN 'eda' THEN reading.eda
                    WHEN 'steps' THEN reading.steps
                    WHEN 'spo2' THEN reading.spo2
                    WHEN 'respiratory_rate' THEN reading.respiratory_rate
                    WHEN 'motion' THEN reading.motion
                END, 'NaN'::real)), ''::bytea),
                string_agg(float4send(coalesce(reading.sleep_state, 'NaN'::real)), ''::bytea)
            FROM public.reading
            WHERE reading.person_id = viewed_person_id AND reading.worn IS DISTINCT FROM 0
              AND reading.time >= edge.first AND reading.time < edge.until
        ) AS packed (moments, measured, sleep)
    )
    SELECT coalesce(sum(octet_length(part.moments)) / 8, 0)::bigint,
        CASE WHEN sum(octet_length(part.moments)) / 8 <= most THEN string_agg(part.moments, ''::bytea) END,
        CASE WHEN sum(octet_length(part.moments)) / 8 <= most THEN string_agg(part.measured, ''::bytea) END,
        CASE WHEN sum(octet_length(part.moments)) / 8 <= most THEN string_agg(part.sleep, ''::bytea) END
    FROM part;
END;

REVOKE EXECUTE ON FUNCTION minutes_packed_for_staff FROM PUBLIC;
GRANT EXECUTE ON FUNCTION minutes_packed_for_staff TO tidewell_portal;

COMMENT ON FUNCTION channel_for_staff IS 'For pages of an earlier version beside these ones';
