-- Days that are judged again. `now` is always a parameter.

-- One open row a person; whatever comes too late while it waits widens it.
-- name: note_too_late
INSERT INTO repair AS known (person_id, first_day, last_day, reason, readings, noted_at, widened_at)
VALUES (%(person_id)s, %(first_day)s, %(last_day)s, 'came_too_late', %(readings)s, %(now)s, %(now)s)
ON CONFLICT (person_id) WHERE done_at IS NULL DO UPDATE SET
    first_day = least(known.first_day, excluded.first_day),
    last_day = greatest(known.last_day, excluded.last_day),
    readings = known.readings + excluded.readings,
    widened_at = greatest(known.widened_at, excluded.widened_at);

-- name: next_repair
SELECT repair_id, repair.person_id, first_day, last_day, readings
FROM repair JOIN person USING (person_id)
WHERE done_at IS NULL AND widened_at <= %(quiet_since)s AND person.shard = ANY (%(shards)s)
ORDER BY noted_at, repair_id LIMIT 1;

-- name: open_repairs
SELECT repair_id, repair.person_id, first_day, last_day, readings
FROM repair JOIN person USING (person_id)
WHERE done_at IS NULL AND (%(label)s::text IS NULL OR person.label = %(label)s)
ORDER BY noted_at, repair_id;

-- name: whole_history
SELECT NULL::bigint, person_id, min(daily_feature.day), max(daily_feature.day), 0::bigint
FROM person JOIN daily_feature USING (person_id)
WHERE person.label = %(label)s
GROUP BY person_id;

-- name: label_known
SELECT EXISTS (SELECT FROM person WHERE label = %(label)s);

-- name: who
SELECT label, shard, timezone FROM person WHERE person_id = %(person_id)s;

-- The first stored reading, and the first day that was ever judged.
-- name: reach
SELECT (SELECT min(time) FROM reading WHERE person_id = %(person_id)s),
       (SELECT min(day) FROM daily_feature WHERE person_id = %(person_id)s);

-- name: stored_days
SELECT day, night_heart_rate, resting_heart_rate, night_hrv_rmssd, night_skin_temperature,
       night_respiratory_rate, night_spo2, heart_rate_per_step, circadian_amplitude, circadian_phase_h,
       sleep_minutes, sleep_efficiency, sleep_onset_h, sleep_regularity,
       steps, longest_still_minutes, first_activity_h, eda_level, aroused_minutes,
       worn_minutes, score, family, level, family_scores, usual
FROM daily_feature
WHERE person_id = %(person_id)s AND day >= %(first_day)s
ORDER BY day;

-- What the detector was told about somebody, with its time.
-- name: signals
SELECT (extract(epoch FROM heard_at) * 1000)::bigint, person_id, kind, source_id, content, signal_id
FROM detector_signal
WHERE person_id = %(person_id)s AND verdict = 'applied'
ORDER BY signal_id;

-- A part of somebody's readings by time, after the last one of the part before.
-- name: copy_readings_by_time
COPY (
    SELECT person_id, time, device_id, period_s, boot, seq, received_at,
           coalesce(heart_rate, 'NaN'), coalesce(hrv_rmssd, 'NaN'), coalesce(skin_temperature, 'NaN'),
           coalesce(eda, 'NaN'), coalesce(steps, 'NaN'), coalesce(spo2, 'NaN'),
           coalesce(respiratory_rate, 'NaN'), coalesce(motion, 'NaN'), coalesce(sleep_state, 'NaN'),
           coalesce(worn, 'NaN')
    FROM reading
    WHERE person_id = %(person_id)s AND time >= %(after_time)s
      AND (time, device_id) > (%(after_time)s, %(after_device)s)
    ORDER BY time, device_id LIMIT %(most)s
) TO STDOUT (FORMAT binary);

-- Whoever holds this row holds back the worker of the shard, which renews it in each of its transactions.
-- name: hold_shard
SELECT FROM shard WHERE shard = %(shard)s FOR UPDATE;

-- name: hold_repair
SELECT readings FROM repair WHERE repair_id = %(repair_id)s AND done_at IS NULL FOR UPDATE;

-- name: finish_repair
UPDATE repair SET done_at = greatest(%(now)s, noted_at), outcome = %(outcome)s, days_changed = %(days_changed)s,
    days_now_unusual = %(days_now_unusual)s
WHERE repair_id = %(repair_id)s;

-- name: note_asked_for
INSERT INTO repair (
    person_id, first_day, last_day, reason, readings, noted_at, widened_at, done_at, outcome, days_changed,
    days_now_unusual
)
VALUES (
    %(person_id)s, %(first_day)s, %(last_day)s, 'asked_for', 0, %(now)s, %(now)s, %(now)s, %(outcome)s,
    %(days_changed)s, %(days_now_unusual)s
);
