-- What a backtest reads. Nothing here writes, and no name of anybody is read.

-- name: people
SELECT person_id, label, timezone FROM person ORDER BY person_id;

-- name: newest_day
SELECT max(day) FROM daily_feature;

-- name: episodes_on_record
SELECT count(*) FROM episode
WHERE opened_at >= %(opened_from)s AND opened_at < %(opened_before)s
  AND family <> 'device' AND level <> 'usual';

-- A row for each day that closed; every field has one length, so that the answer is one array.
-- name: copy_days
COPY (
    SELECT person_id, day - date '1970-01-01',
           coalesce(night_heart_rate, 'NaN'), coalesce(resting_heart_rate, 'NaN'),
           coalesce(night_hrv_rmssd, 'NaN'), coalesce(night_skin_temperature, 'NaN'),
           coalesce(night_respiratory_rate, 'NaN'), coalesce(night_spo2, 'NaN'),
           coalesce(heart_rate_per_step, 'NaN'), coalesce(circadian_amplitude, 'NaN'),
           coalesce(circadian_phase_h, 'NaN'), coalesce(sleep_minutes, 'NaN'),
           coalesce(sleep_efficiency, 'NaN'), coalesce(sleep_onset_h, 'NaN'),
           coalesce(sleep_regularity, 'NaN'), coalesce(steps, 'NaN'),
           coalesce(longest_still_minutes, 'NaN'), coalesce(first_activity_h, 'NaN'),
           coalesce(eda_level, 'NaN'), coalesce(aroused_minutes, 'NaN')
    FROM daily_feature
    WHERE person_id = ANY (%(people)s) AND day <= %(last_day)s
    ORDER BY day, person_id
) TO STDOUT (FORMAT binary);

-- name: signals
SELECT person_id, kind, heard_at, content FROM detector_signal
WHERE person_id = ANY (%(people)s) AND verdict = 'applied'
  AND kind IN ('note', 'note_taken_back', 'outcome', 'device_model')
ORDER BY signal_id;

-- name: plan_limits
SELECT person_id, channel, direction, value, for_minutes, level, while_resting
FROM plan_limit WHERE person_id = ANY (%(people)s)
ORDER BY person_id, slot;

-- Readings in the order in which they were scored: a frame when it and all before it had come or were passed
-- by; one that fills a hole which was passed, as it came.
-- name: copy_readings
COPY (
    SELECT person_id, time, received_at, period_s,
           coalesce(heart_rate, 'NaN'), coalesce(hrv_rmssd, 'NaN'), coalesce(skin_temperature, 'NaN'),
           coalesce(eda, 'NaN'), coalesce(steps, 'NaN'), coalesce(spo2, 'NaN'),
           coalesce(respiratory_rate, 'NaN'), coalesce(motion, 'NaN'), coalesce(sleep_state, 'NaN'),
           coalesce(worn, 'NaN')
    FROM (
        SELECT reading.*,
               CASE WHEN later.kind = 'hole_passed' THEN reading.received_at
                    ELSE max(greatest(reading.received_at, later.scored_at))
                         FILTER (WHERE later.kind IS DISTINCT FROM 'hole_passed')
                         OVER (PARTITION BY reading.device_id, reading.boot ORDER BY reading.seq)
               END AS scored_at
        FROM reading
        LEFT JOIN LATERAL (
            SELECT kind, last_seq, scored_at FROM scored_later
            WHERE scored_later.device_id = reading.device_id AND scored_later.boot = reading.boot
              AND scored_later.first_seq <= reading.seq
            ORDER BY first_seq DESC LIMIT 1
        ) AS later ON reading.seq <= later.last_seq
        WHERE person_id = ANY (%(people)s) AND time >= %(time_from)s AND time < %(time_before)s
    ) AS scored
    ORDER BY scored_at, device_id, boot, seq, time
) TO STDOUT (FORMAT binary);
