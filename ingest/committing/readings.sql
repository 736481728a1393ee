-- How readings get into their table. What is absent is NULL in `copy_readings` and NaN in `copy_staging`.

-- name: copy_readings
COPY reading (
    person_id, time, device_id, period_s, boot, seq, received_at,
    heart_rate, hrv_rmssd, skin_temperature, eda, steps, spo2, respiratory_rate, motion, sleep_state, worn
) FROM STDIN (FORMAT binary);

-- name: create_staging
CREATE TEMPORARY TABLE IF NOT EXISTS staging (
    person_id integer, time timestamptz, device_id integer, period_s smallint, boot integer, seq bigint,
    received_at timestamptz,
    heart_rate real, hrv_rmssd real, skin_temperature real, eda real, steps real, spo2 real,
    respiratory_rate real, motion real, sleep_state real, worn real
) ON COMMIT DELETE ROWS;

-- name: copy_staging
COPY staging FROM STDIN (FORMAT binary);

-- name: insert_readings
INSERT INTO reading (
    person_id, time, device_id, period_s, boot, seq, received_at,
    heart_rate, hrv_rmssd, skin_temperature, eda, steps, spo2, respiratory_rate, motion, sleep_state, worn
)
SELECT person_id, time, device_id, period_s, boot, seq, received_at,
       nullif(heart_rate, 'NaN'), nullif(hrv_rmssd, 'NaN'), nullif(skin_temperature, 'NaN'),
       nullif(eda, 'NaN'), nullif(steps, 'NaN'), nullif(spo2, 'NaN'), nullif(respiratory_rate, 'NaN'),
       nullif(motion, 'NaN'), nullif(sleep_state, 'NaN'), nullif(worn, 'NaN')
FROM staging
ON CONFLICT DO NOTHING;

-- Rows that were there before; `differs` where they say something else.
-- name: rows_not_inserted
SELECT staging.device_id, staging.boot, staging.seq,
       (extract(epoch FROM staging.time) * 1000)::bigint,
       (reading.period_s, coalesce(reading.heart_rate, 'NaN'), coalesce(reading.hrv_rmssd, 'NaN'),
        coalesce(reading.skin_temperature, 'NaN'), coalesce(reading.eda, 'NaN'), coalesce(reading.steps, 'NaN'),
        coalesce(reading.spo2, 'NaN'), coalesce(reading.respiratory_rate, 'NaN'),
        coalesce(reading.motion, 'NaN'), coalesce(reading.sleep_state, 'NaN'), coalesce(reading.worn, 'NaN'))
       IS DISTINCT FROM
       (staging.period_s, staging.heart_rate, staging.hrv_rmssd, staging.skin_temperature, staging.eda, staging.steps,
        staging.spo2, staging.respiratory_rate, staging.motion, staging.sleep_state, staging.worn) AS differs
FROM staging JOIN reading USING (person_id, time, device_id)
WHERE (reading.boot, reading.seq) <> (staging.boot, staging.seq);
