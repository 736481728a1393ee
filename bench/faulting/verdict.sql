-- What the database says at the end of a run, for the comparison with the ledgers of the devices.

-- name: readings
SELECT device.name, reading.boot, reading.seq, (extract(epoch FROM reading.time) * 1000)::bigint,
       reading.heart_rate, reading.skin_temperature, reading.steps
FROM reading JOIN device USING (device_id)
ORDER BY device.name, reading.boot, reading.seq, reading.time;

-- name: dead_letters
SELECT device.name, dead_letter.boot, dead_letter.seq, count(*)::integer
FROM dead_letter JOIN device USING (device_id)
WHERE dead_letter.whole_frame AND dead_letter.boot IS NOT NULL AND dead_letter.seq IS NOT NULL
GROUP BY device.name, dead_letter.boot, dead_letter.seq;

-- How many frames the service itself has counted, which it does once for each.
-- name: counted
SELECT device.name, device_cursor.boot, (frames_committed + frames_dead_lettered)::bigint
FROM device_cursor JOIN device USING (device_id);

-- name: alerts
SELECT device.name, alert.public_id, alert.state
FROM alert JOIN device_assignment USING (person_id) JOIN device USING (device_id)
WHERE alert.cause <> 'device';

-- Messages that the service says have left.
-- name: handed_over
SELECT DISTINCT coalesce(bundle, idempotency_key) FROM delivery WHERE state = 'handed_over' AND channel = 'webhook';

-- name: episode_events
SELECT episode.person_id, episode.family, episode_event.kind,
       (extract(epoch FROM episode_event.at) * 1000)::bigint
FROM episode_event JOIN episode USING (episode_id);

-- The people of a run and what the detector was told of their plans, which is before any reading.
-- name: told
SELECT person_id, content FROM detector_signal WHERE kind = 'limits' AND verdict = 'applied' ORDER BY signal_id;

-- name: people
SELECT person_id, timezone FROM person ORDER BY person_id;

-- Readings in the order in which they became committed without a hole below them.
-- name: committed_order
SELECT person_id, (extract(epoch FROM time) * 1000)::bigint, (extract(epoch FROM received_at) * 1000)::bigint,
       period_s, heart_rate, hrv_rmssd, skin_temperature, eda, steps, spo2, respiratory_rate, motion,
       sleep_state, worn
FROM (
    SELECT reading.*, max(received_at) OVER (PARTITION BY device_id, boot ORDER BY seq) AS whole_at
    FROM reading
) AS known
ORDER BY whole_at, device_id, boot, seq, time;

-- name: snapshots
SELECT shard, state FROM detector_snapshot ORDER BY shard;
