-- Hours beside the minutes: what a picture of months is drawn from, so that it need not read half a million rows.
-- Written by ingest only, from readings that are stored; thrown away and made again whenever those change.

-- Everything of one person that was measured in one hour. An hour has one row for the minutes in which the device
-- was worn and one for those in which it was not.
CREATE TABLE reading_hour (
    person_id integer NOT NULL,
    hour timestamptz NOT NULL,
    is_off boolean NOT NULL,
    seconds bigint NOT NULL,
    asleep_count integer NOT NULL,
    sleep_count integer NOT NULL,
    heart_rate_low real, heart_rate_mean double precision, heart_rate_count integer NOT NULL, heart_rate_high real,
    hrv_rmssd_low real, hrv_rmssd_mean double precision, hrv_rmssd_count integer NOT NULL, hrv_rmssd_high real,
    skin_temperature_low real, skin_temperature_mean double precision, skin_temperature_count integer NOT NULL, skin_temperature_high real,
    eda_low real, eda_mean double precision, eda_count integer NOT NULL, eda_high real,
    steps_low real, steps_mean double precision, steps_count integer NOT NULL, steps_high real,
    spo2_low real, spo2_mean double precision, spo2_count integer NOT NULL, spo2_high real,
    respiratory_rate_low real, respiratory_rate_mean double precision, respiratory_rate_count integer NOT NULL, respiratory_rate_high real,
    motion_low real, motion_mean double precision, motion_count integer NOT NULL, motion_high real,
    PRIMARY KEY (person_id, hour, is_off)
);
COMMENT ON COLUMN reading_hour.sleep_count IS 'Readings that say asleep or awake; asleep_count are those that say asleep';

-- The minutes of a day of UTC in which the device was worn, in one row: as rows they lie on as many pages as the
-- site has people. Moments are microseconds since 2000 (`timestamptz_send`), values numbers of four bytes, the highest
-- byte first, all in one order; what a device did not measure is NaN.
CREATE TABLE reading_day (
    person_id integer NOT NULL,
    day date NOT NULL,
    moments bytea NOT NULL,
    heart_rate bytea NOT NULL,
    hrv_rmssd bytea NOT NULL,
    skin_temperature bytea NOT NULL,
    eda bytea NOT NULL,
    steps bytea NOT NULL,
    spo2 bytea NOT NULL,
    respiratory_rate bytea NOT NULL,
    motion bytea NOT NULL,
    sleep_state bytea NOT NULL,
    PRIMARY KEY (person_id, day)
);

-- Up to where the hours of a person are made; whole days of UTC.
CREATE TABLE hours_upto (
    person_id integer PRIMARY KEY,
    upto timestamptz NOT NULL
);

-- Days of UTC whose readings came, or went, after their hours had been made or may have been.
CREATE TABLE hours_again (
    person_id integer NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (person_id, day)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON reading_hour, reading_day, hours_upto, hours_again TO tidewell_ingest;

-- Up to which moment hours say the same as minutes for steps of this length that begin at this time: not where a
-- step cuts an hour, as of a time zone with half hours, and not beyond a day from there on that waits to be made again.
CREATE FUNCTION hours_stand_until(of_person integer, first_time timestamptz, end_time timestamptz, step interval)
RETURNS timestamptz LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp
RETURN CASE
    WHEN date_bin('1 hour', first_time, TIMESTAMPTZ '2000-01-01 00:00Z') = first_time
        AND date_bin('1 hour', first_time + step, TIMESTAMPTZ '2000-01-01 00:00Z') = first_time + step
    THEN greatest(first_time, least(
        end_time,
        coalesce((SELECT hours_upto.upto FROM public.hours_upto WHERE hours_upto.person_id = of_person), first_time),
        (
            SELECT min(hours_again.day) FROM public.hours_again
            WHERE hours_again.person_id = of_person AND hours_again.day >= (first_time AT TIME ZONE 'UTC')::date
        )::timestamp AT TIME ZONE 'UTC'
    ))
    ELSE first_time
END;

-- As before, from hours as far as they stand and from minutes after that. The last hour is taken whole only where
-- the stretch ends with it.
CREATE OR REPLACE FUNCTION channel_steps_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz, step interval
)
RETURNS TABLE (
    step_start timestamptz, is_off boolean, seconds bigint, asleep real, low real[], middle real[], high real[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    WITH hours AS MATERIALIZED (
        SELECT date_bin(
            '1 hour', public.hours_stand_until(viewed_person_id, first_time, end_time, step),
            TIMESTAMPTZ '2000-01-01 00:00Z'
        ) AS until
        WHERE viewer_staff_id = public.viewer_staff_id()
          AND public.staff_may_see(viewer_staff_id, viewed_person_id, at)
    ), part AS (
        SELECT date_bin(step, reading.time, first_time) AS step_start, reading.worn IS NOT DISTINCT FROM 0 AS is_off,
            sum(reading.period_s) AS seconds, count(*) FILTER (WHERE reading.sleep_state > 0) AS asleep_count,
            count(reading.sleep_state) AS sleep_count,
            min(reading.heart_rate) AS heart_rate_low, avg(reading.heart_rate) AS heart_rate_mean,
            count(reading.heart_rate) AS heart_rate_count, max(reading.heart_rate) AS heart_rate_high,
            min(reading.hrv_rmssd) AS hrv_rmssd_low, avg(reading.hrv_rmssd) AS hrv_rmssd_mean,
            count(reading.hrv_rmssd) AS hrv_rmssd_count, max(reading.hrv_rmssd) AS hrv_rmssd_high,
            min(reading.skin_temperature) AS skin_temperature_low, avg(reading.skin_temperature) AS skin_temperature_mean,
            count(reading.skin_temperature) AS skin_temperature_count, max(reading.skin_temperature) AS skin_temperature_high,
            min(reading.eda) AS eda_low, avg(reading.eda) AS eda_mean,
            count(reading.eda) AS eda_count, max(reading.eda) AS eda_high,
            min(reading.steps) AS steps_low, avg(reading.steps) AS steps_mean,
            count(reading.steps) AS steps_count, max(reading.steps) AS steps_high,
            min(reading.spo2) AS spo2_low, avg(reading.spo2) AS spo2_mean,
            count(reading.spo2) AS spo2_count, max(reading.spo2) AS spo2_high,
            min(reading.respiratory_rate) AS respiratory_rate_low, avg(reading.respiratory_rate) AS respiratory_rate_mean,
            count(reading.respiratory_rate) AS respiratory_rate_count, max(reading.respiratory_rate) AS respiratory_rate_high,
            min(reading.motion) AS motion_low, avg(reading.motion) AS motion_mean,
            count(reading.motion) AS motion_count, max(reading.motion) AS motion_high
        FROM public.reading
        WHERE reading.person_id = viewed_person_id AND reading.time >= greatest(first_time, (SELECT hours.until FROM hours))
          AND reading.time < end_time AND EXISTS (SELECT FROM hours)
        GROUP BY 1, 2
        UNION ALL
        SELECT date_bin(step, summed.hour, first_time), summed.is_off,
            sum(summed.seconds), sum(summed.asleep_count), sum(summed.sleep_count),
            min(summed.heart_rate_low), sum(summed.heart_rate_mean * summed.heart_rate_count) / nullif(sum(summed.heart_rate_count), 0),
            sum(summed.heart_rate_count), max(summed.heart_rate_high),
            min(summed.hrv_rmssd_low), sum(summed.hrv_rmssd_mean * summed.hrv_rmssd_count) / nullif(sum(summed.hrv_rmssd_count), 0),
            sum(summed.hrv_rmssd_count), max(summed.hrv_rmssd_high),
            min(summed.skin_temperature_low), sum(summed.skin_temperature_mean * summed.skin_temperature_count) / nullif(sum(summed.skin_temperature_count), 0),
            sum(summed.skin_temperature_count), max(summed.skin_temperature_high),
            min(summed.eda_low), sum(summed.eda_mean * summed.eda_count) / nullif(sum(summed.eda_count), 0),
            sum(summed.eda_count), max(summed.eda_high),
            min(summed.steps_low), sum(summed.steps_mean * summed.steps_count) / nullif(sum(summed.steps_count), 0),
            sum(summed.steps_count), max(summed.steps_high),
            min(summed.spo2_low), sum(summed.spo2_mean * summed.spo2_count) / nullif(sum(summed.spo2_count), 0),
            sum(summed.spo2_count), max(summed.spo2_high),
            min(summed.respiratory_rate_low), sum(summed.respiratory_rate_mean * summed.respiratory_rate_count) / nullif(sum(summed.respiratory_rate_count), 0),
            sum(summed.respiratory_rate_count), max(summed.respiratory_rate_high),
            min(summed.motion_low), sum(summed.motion_mean * summed.motion_count) / nullif(sum(summed.motion_count), 0),
            sum(summed.motion_count), max(summed.motion_high)
        FROM public.reading_hour AS summed
        WHERE summed.person_id = viewed_person_id AND summed.hour >= first_time
          AND summed.hour < (SELECT hours.until FROM hours)
        GROUP BY 1, 2
    )
    SELECT part.step_start, part.is_off, sum(part.seconds)::bigint,
        (sum(part.asleep_count) / nullif(sum(part.sleep_count), 0))::real,
        ARRAY[min(part.heart_rate_low), min(part.hrv_rmssd_low), min(part.skin_temperature_low),
              min(part.eda_low), min(part.steps_low), min(part.spo2_low), min(part.respiratory_rate_low),
              min(part.motion_low)],
        ARRAY[sum(part.heart_rate_mean * part.heart_rate_count) / nullif(sum(part.heart_rate_count), 0),
              sum(part.hrv_rmssd_mean * part.hrv_rmssd_count) / nullif(sum(part.hrv_rmssd_count), 0),
              sum(part.skin_temperature_mean * part.skin_temperature_count) / nullif(sum(part.skin_temperature_count), 0),
              sum(part.eda_mean * part.eda_count) / nullif(sum(part.eda_count), 0),
              sum(part.steps_mean * part.steps_count) / nullif(sum(part.steps_count), 0),
              sum(part.spo2_mean * part.spo2_count) / nullif(sum(part.spo2_count), 0),
              sum(part.respiratory_rate_mean * part.respiratory_rate_count) / nullif(sum(part.respiratory_rate_count), 0),
              sum(part.motion_mean * part.motion_count) / nullif(sum(part.motion_count), 0)]::real[],
        ARRAY[max(part.heart_rate_high), max(part.hrv_rmssd_high), max(part.skin_temperature_high),
              max(part.eda_high), max(part.steps_high), max(part.spo2_high), max(part.respiratory_rate_high),
              max(part.motion_high)]
    FROM part
    GROUP BY 1, 2
    ORDER BY 1, 2;
END;

REVOKE EXECUTE ON FUNCTION hours_stand_until FROM PUBLIC;
