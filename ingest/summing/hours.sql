-- Hours made of minutes. What a day is, is UTC's; `last_moment` is that of the last batch of a shard.

-- name: no_wait_for_the_disk
SELECT set_config('synchronous_commit', 'off', false);

-- No batch that comes after `last_moment` stores a reading from before the day before it without noting the day.
-- name: hours_due
SELECT person.person_id, person.shard
FROM person JOIN shard USING (shard) LEFT JOIN hours_upto USING (person_id)
WHERE person.shard = ANY (%(shards)s) AND shard.last_moment IS NOT NULL AND person.person_id > %(after)s
  AND (
      hours_upto.upto IS NULL
      OR hours_upto.upto < date_bin('1 day', shard.last_moment, TIMESTAMPTZ '2000-01-01 00:00Z') - interval '24 hours'
      OR EXISTS (SELECT FROM hours_again WHERE hours_again.person_id = person.person_id)
  )
ORDER BY person.person_id
LIMIT %(most)s;

-- Whoever holds this row holds back the worker of the shard, which renews it in each of its transactions.
-- name: hold_shard_for_hours
SELECT date_bin('1 day', last_moment, TIMESTAMPTZ '2000-01-01 00:00Z') - interval '24 hours' AS hours_end
FROM shard WHERE shard = %(shard)s FOR UPDATE;

-- Whoever deletes hours, as for their age, holds them for as long as that takes.
-- name: give_up_when_kept_waiting
SELECT set_config('lock_timeout', %(most)s, true);

-- What is to be made next, so that it need not come from a disk while the shard is held.
-- name: read_ahead
SELECT coalesce(sum(read.readings), 0)::bigint FROM (
    SELECT %(first_time)s::timestamptz AS first_time,
        least(%(end_time)s, date_bin('1 day', last_moment, TIMESTAMPTZ '2000-01-01 00:00Z') - interval '24 hours') AS end_time
    FROM shard WHERE shard = %(shard)s
    UNION ALL
    (
        SELECT day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC' FROM hours_again
        WHERE person_id = %(person_id)s ORDER BY day LIMIT %(most)s
    )
) AS next CROSS JOIN LATERAL (
    -- A count of rows alone would be answered from the index.
    SELECT greatest(count(*), count(reading.heart_rate)) AS readings FROM reading
    WHERE reading.person_id = %(person_id)s AND reading.time >= next.first_time AND reading.time < next.end_time
) AS read;

-- Whoever was erased meanwhile is not.
-- name: is_enrolled
SELECT FROM person WHERE person_id = %(person_id)s;

-- Where to go on: after what is made, or at the first reading.
-- name: hours_made_upto
SELECT coalesce(
    (SELECT upto FROM hours_upto WHERE hours_upto.person_id = person.person_id),
    (
        SELECT date_bin('1 day', min(reading.time), TIMESTAMPTZ '2000-01-01 00:00Z') FROM reading
        WHERE reading.person_id = person.person_id
    )
)
FROM person WHERE person_id = %(person_id)s;

-- name: clear_hours
DELETE FROM reading_hour
WHERE person_id = %(person_id)s AND hour >= %(first_time)s AND hour < %(end_time)s;

-- name: make_hours
INSERT INTO reading_hour (
    person_id, hour, is_off, seconds, asleep_count, sleep_count,
    heart_rate_low, heart_rate_mean, heart_rate_count, heart_rate_high,
    hrv_rmssd_low, hrv_rmssd_mean, hrv_rmssd_count, hrv_rmssd_high,
    skin_temperature_low, skin_temperature_mean, skin_temperature_count, skin_temperature_high,
    eda_low, eda_mean, eda_count, eda_high,
    steps_low, steps_mean, steps_count, steps_high,
    spo2_low, spo2_mean, spo2_count, spo2_high,
    respiratory_rate_low, respiratory_rate_mean, respiratory_rate_count, respiratory_rate_high,
    motion_low, motion_mean, motion_count, motion_high
)
SELECT person_id, date_bin('1 hour', time, TIMESTAMPTZ '2000-01-01 00:00Z'), worn IS NOT DISTINCT FROM 0,
    sum(period_s), count(*) FILTER (WHERE sleep_state > 0), count(sleep_state),
    min(heart_rate), avg(heart_rate), count(heart_rate), max(heart_rate),
    min(hrv_rmssd), avg(hrv_rmssd), count(hrv_rmssd), max(hrv_rmssd),
    min(skin_temperature), avg(skin_temperature), count(skin_temperature), max(skin_temperature),
    min(eda), avg(eda), count(eda), max(eda),
    min(steps), avg(steps), count(steps), max(steps),
    min(spo2), avg(spo2), count(spo2), max(spo2),
    min(respiratory_rate), avg(respiratory_rate), count(respiratory_rate), max(respiratory_rate),
    min(motion), avg(motion), count(motion), max(motion)
FROM reading
WHERE person_id = %(person_id)s AND time >= %(first_time)s AND time < %(end_time)s
GROUP BY 1, 2, 3;

-- name: clear_days
DELETE FROM reading_day
WHERE person_id = %(person_id)s
  AND day >= (%(first_time)s::timestamptz AT TIME ZONE 'UTC')::date
  AND day < (%(end_time)s::timestamptz AT TIME ZONE 'UTC')::date;

-- name: make_days
INSERT INTO reading_day (
    person_id, day, moments, heart_rate, hrv_rmssd, skin_temperature, eda, steps, spo2, respiratory_rate, motion,
    sleep_state
)
SELECT person_id, (time AT TIME ZONE 'UTC')::date, string_agg(timestamptz_send(time), ''::bytea),
    string_agg(float4send(coalesce(heart_rate, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(hrv_rmssd, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(skin_temperature, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(eda, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(steps, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(spo2, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(respiratory_rate, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(motion, 'NaN'::real)), ''::bytea),
    string_agg(float4send(coalesce(sleep_state, 'NaN'::real)), ''::bytea)
FROM reading
WHERE person_id = %(person_id)s AND time >= %(first_time)s AND time < %(end_time)s AND worn IS DISTINCT FROM 0
GROUP BY 1, 2;

-- name: note_hours_upto
INSERT INTO hours_upto (person_id, upto) VALUES (%(person_id)s, %(upto)s)
ON CONFLICT (person_id) DO UPDATE SET upto = excluded.upto;

-- Days after `upto` are made when their turn comes.
-- name: take_days_again
DELETE FROM hours_again
WHERE person_id = %(person_id)s AND day IN (
    SELECT day FROM hours_again WHERE person_id = %(person_id)s ORDER BY day LIMIT %(most)s
)
RETURNING day::timestamp AT TIME ZONE 'UTC';

-- name: note_days_again
INSERT INTO hours_again (person_id, day)
SELECT * FROM unnest(%(people)s::integer[], %(days)s::date[])
ON CONFLICT DO NOTHING;
