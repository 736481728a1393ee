-- What `bench portal` prepares: people, who works with them, days, alerts and minutes.

-- name: hire
WITH teams AS (
    INSERT INTO team (name, created_at) SELECT 'Team ' || number, %(now)s FROM generate_series(1, 5) AS number
    RETURNING team_id
)
INSERT INTO staff (role, display_name, team_id, created_at)
SELECT 'practitioner', 'Key worker ' || number, (SELECT min(team_id) FROM teams) + number %% 5, %(now)s
FROM generate_series(1, 50) AS number
UNION ALL SELECT 'clinician', 'Clinician', NULL, %(now)s
UNION ALL SELECT 'admin', 'Administrator', NULL, %(now)s;

-- name: enrol
INSERT INTO person (label, shard, timezone, reading_level, created_at)
SELECT 'B-' || number, number %% 64, 'Europe/London', '12-15', %(now)s - interval '400 days'
FROM generate_series(1, %(people)s::integer) AS number;

-- name: name_people
INSERT INTO identity (person_id, preferred_name) SELECT person_id, 'Person ' || person_id FROM person;

-- Twenty for each practitioner; the clinician has every fifth.
-- name: assign
INSERT INTO assignment (person_id, staff_id, kind, valid_from)
SELECT person_id, 1 + (person_id - 1) %% 50, 'key_worker', %(now)s - interval '400 days' FROM person
UNION ALL
SELECT person_id, 51, 'clinician', %(now)s - interval '400 days' FROM person WHERE person_id %% 5 = 1;

-- name: sign_ins
INSERT INTO sign_in (username, password_hash, staff_id, person_id, created_at)
VALUES ('jo', %(password_hash)s, 1, NULL, %(now)s), ('kim', %(password_hash)s, 51, NULL, %(now)s),
    ('ade', %(password_hash)s, 52, NULL, %(now)s), ('sam', %(password_hash)s, NULL, 1, %(now)s);

-- name: devices
WITH made AS (
    INSERT INTO device (name, model, created_at)
    SELECT 'b-' || person_id, 'virtual', %(now)s - interval '400 days' FROM person ORDER BY person_id
    RETURNING device_id
), given AS (
    INSERT INTO device_assignment (device_id, person_id, valid_from)
    SELECT device_id, device_id, %(now)s - interval '400 days' FROM made
)
INSERT INTO device_cursor
SELECT device_id, 1, 99, 99, 99, 90, 10, 3, %(now)s - interval '400 days', %(now)s - interval '2 minutes' FROM made;

-- name: measure_days
INSERT INTO daily_feature (
    person_id, day, worn_minutes, detector_version, usual, night_heart_rate, resting_heart_rate,
    night_hrv_rmssd, night_skin_temperature, night_respiratory_rate, night_spo2, heart_rate_per_step,
    circadian_amplitude, circadian_phase_h, sleep_minutes, sleep_efficiency, sleep_onset_h, sleep_regularity,
    steps, longest_still_minutes, first_activity_h, eda_level, aroused_minutes
)
SELECT person_id, (%(now)s::timestamptz AT TIME ZONE 'UTC')::date - ago, 1200 + 200 * random(), 'bench',
    '{"night_heart_rate": [56, 52, 60], "resting_heart_rate": [68, 64, 72], "night_hrv_rmssd": [62, 50, 74],
      "night_skin_temperature": [34.6, 34.2, 35], "night_respiratory_rate": [15.2, 14.4, 16],
      "night_spo2": [97, 95, 99], "heart_rate_per_step": [31, 24, 38], "circadian_amplitude": [14, 10, 18],
      "circadian_phase_h": [23.7, 22.6, 24.8], "sleep_minutes": [512, 455, 570],
      "sleep_efficiency": [93, 85, 101], "sleep_onset_h": [10.7, 10.2, 11.3], "sleep_regularity": [78, 66, 90],
      "steps": [7800, 5200, 10400], "longest_still_minutes": [95, 50, 140], "first_activity_h": [7.4, 6.8, 8],
      "eda_level": [2.1, 1.2, 3], "aroused_minutes": [22, 0, 48]}'::jsonb,
    53 + 6 * random(), 65 + 6 * random(), 52 + 20 * random(), 34.3 + 0.6 * random(), 14.6 + random(),
    95 + 4 * random(), 26 + 10 * random(), 11 + 6 * random(), 22 + 3 * random(), 460 + 100 * random(),
    86 + 10 * random(), 10.2 + random(), 68 + 20 * random(), floor(5500 + 4500 * random()),
    60 + 60 * random(), 7 + random(), 1.3 + 1.5 * random(), 40 * random()
FROM person, generate_series(1, %(days)s::integer) AS ago;

-- name: open_episodes
INSERT INTO episode (person_id, family, opened_at, level, score, explanation, detector_version)
SELECT person_id, 'sleep', %(now)s - interval '3 days', 'check_today', 4,
    '{"sentence": "Time asleep 6 h 10 min (usual 8 h 30 min) for 3 nights.", "contributions": []}', 'bench'
FROM person WHERE person_id %% 20 = 1;

-- Beside the open ones each person has a closed one a month, as a service gathers them.
-- name: raise_alerts
INSERT INTO alert (
    public_id, person_id, cause, level, state, since, raised_at, closed_at, outcome, explanation, policy
)
SELECT 'BENCH' || person_id, person_id, 'sleep', 'check_today', 'notified', %(now)s - interval '3 days',
    %(now)s - interval '1 day', NULL, NULL, '{"sentence": "Time asleep 6 h 10 min."}'::jsonb, '{}'::jsonb
FROM person WHERE person_id %% 20 = 1
UNION ALL
SELECT 'PAST' || person_id || '-' || month, person_id, 'sleep', 'for_review', 'closed',
    %(now)s - month * interval '30 days', %(now)s - month * interval '30 days',
    %(now)s - month * interval '30 days' + interval '1 day', 'all_fine', '{"sentence": "Time asleep."}'::jsonb, '{}'::jsonb
FROM person, generate_series(1, 3) AS month;

-- name: tell_stories
INSERT INTO alert_event (alert_id, at, kind, reason)
SELECT alert_id, raised_at, 'created', 'raised' FROM alert
UNION ALL SELECT alert_id, closed_at, 'closed', 'closed' FROM alert WHERE closed_at IS NOT NULL;

-- One that was uploaded and checked, so that there is something to read.
-- name: upload_policy
WITH draft AS (
    INSERT INTO policy_draft (kind, source, made_at, made_by)
    SELECT 'alerts', 'name = "weekdays"', %(now)s, min(staff_id) FROM staff WHERE role = 'admin'
    RETURNING policy_draft_id, made_by
)
INSERT INTO policy_trial (policy_draft_id, kind, asked_at, asked_by, state, ended_at, lines)
SELECT policy_draft_id, 'check', %(now)s, made_by, 'refused', %(now)s, ARRAY['It names nobody.'] FROM draft;

-- In the order in which they would come in: everybody's minute, then the next one.
-- name: measure_minutes
INSERT INTO reading (
    person_id, time, device_id, period_s, boot, seq, received_at, heart_rate, hrv_rmssd, skin_temperature,
    eda, steps, spo2, respiratory_rate, motion, sleep_state, worn
)
SELECT person_id, at, person_id, 60, 1, number, at, 60 + 20 * random() + 10 * sin(number / 229.0),
    50 + 20 * random(), 33 + random(), 1 + random(), floor(20 * random()), 96 + 2 * random(),
    14 + random(), 100 * random(), CASE WHEN date_part('hour', at) < 7 THEN 1 ELSE 0 END,
    CASE WHEN number %% 1440 < 40 THEN 0 ELSE 1 END
FROM generate_series(1, %(longest_days)s::integer * 1440) AS number
CROSS JOIN LATERAL (
    SELECT %(now)s::timestamptz - (%(longest_days)s::integer * 1440 - number) * interval '1 minute' AS at
) AS moment
JOIN person ON person_id = 1
    OR (person_id <= %(with_minutes)s AND number > (%(longest_days)s::integer - %(minute_days)s::integer) * 1440)
ORDER BY number, person_id;
