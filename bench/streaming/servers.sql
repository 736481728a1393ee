-- What the benchmark prepares and asks, beside what the service does itself.

-- name: enrol_people
INSERT INTO person (label, shard, timezone, reading_level, created_at)
SELECT 'B-' || number, number %% 64, 'UTC', '12-15', %(now)s FROM generate_series(1, %(people)s) AS number;

-- name: enrol_devices
INSERT INTO device (name, model, created_at) SELECT 'band-' || lower(label), 'bench', %(now)s FROM person;

-- name: assign_devices
INSERT INTO device_assignment (device_id, person_id, valid_from)
SELECT device_id, person_id, '2015-01-01Z' FROM device JOIN person ON device.name = 'band-' || lower(label);

-- name: assign_key_worker
INSERT INTO assignment (person_id, staff_id, kind, valid_from)
SELECT person_id, %(staff_id)s, 'key_worker', %(now)s FROM person;

-- name: agree_on_limits
INSERT INTO plan_limit (
    person_id, slot, channel, direction, value, for_minutes, level, while_resting, agreed_on, set_by, set_at
)
SELECT person_id, 0, 'heart_rate', 'above', 100, 0, 'check_now', false, %(now)s, %(staff_id)s, %(now)s
FROM person WHERE person_id > (SELECT max(person_id) FROM person) - %(watched)s;

-- name: devices
SELECT shard, device.name FROM device JOIN device_assignment USING (device_id) JOIN person USING (person_id)
ORDER BY device_id;

-- name: committed
SELECT coalesce(sum(frames_committed), 0), coalesce(sum(frames_dead_lettered), 0) FROM device_cursor;

-- name: readings
SELECT count(*) FROM reading;

-- name: alerts
SELECT alert.public_id, device.name FROM alert
JOIN device_assignment USING (person_id) JOIN device USING (device_id);

-- name: make_plain_table
CREATE TABLE IF NOT EXISTS plain_reading (
    device text, time timestamptz, heart_rate real, hrv_rmssd real, skin_temperature real, eda real, steps real,
    spo2 real, respiratory_rate real, motion real, PRIMARY KEY (device, time)
);

-- name: insert_plainly
INSERT INTO plain_reading
SELECT %(device)s, * FROM unnest(
    %(times)s::timestamptz[], %(heart_rate)s::real[], %(hrv_rmssd)s::real[], %(skin_temperature)s::real[],
    %(eda)s::real[], %(steps)s::real[], %(spo2)s::real[], %(respiratory_rate)s::real[], %(motion)s::real[]
)
ON CONFLICT DO NOTHING;

-- name: add_key_worker
INSERT INTO staff (role, display_name, created_at) VALUES ('practitioner', 'Key worker', %(now)s)
RETURNING staff_id;

-- name: shards_not_heard
SELECT count(*) FROM shard WHERE listening_since IS NULL;
