-- Hours of the day and nights of one person are told from their minutes, of which a season has 130,000. As rows they
-- were made, kept, sorted and counted twice, once for the hours and once for the nights. Packed they are read once.

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
    SELECT count(*),
        CASE WHEN count(*) <= most THEN string_agg(timestamptz_send(reading.time), ''::bytea) END,
        CASE WHEN count(*) <= most THEN string_agg(float4send(coalesce(CASE channel
            WHEN 'heart_rate' THEN reading.heart_rate
            WHEN 'hrv_rmssd' THEN reading.hrv_rmssd
            WHEN 'skin_temperature' THEN reading.skin_temperature
            WHEN 'eda' THEN reading.eda
            WHEN 'steps' THEN reading.steps
            WHEN 'spo2' THEN reading.spo2
            WHEN 'respiratory_rate' THEN reading.respiratory_rate
            WHEN 'motion' THEN reading.motion
        END, 'NaN'::real)), ''::bytea) END,
        CASE WHEN count(*) <= most THEN
            string_agg(float4send(coalesce(reading.sleep_state, 'NaN'::real)), ''::bytea) END
    FROM public.reading
    WHERE reading.person_id = viewed_person_id AND reading.time >= first_time AND reading.time < end_time
      AND reading.worn IS DISTINCT FROM 0
      AND viewer_staff_id = public.viewer_staff_id()
      AND public.staff_may_see(viewer_staff_id, viewed_person_id, at);
END;

REVOKE EXECUTE ON FUNCTION minutes_packed_for_staff FROM PUBLIC;
GRANT EXECUTE ON FUNCTION minutes_packed_for_staff TO tidewell_portal;

DROP FUNCTION channel_for_staff;
