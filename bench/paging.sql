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
UNION ALL SELECT 'admin', 'Administrator', NULL, %(now)s
UNION ALL SELECT 'clinician', 'Clinician of all', NULL, %(now)s
UNION ALL SELECT 'practitioner', 'Practitioner of all', NULL, %(now)s;

-- name: enrol
INSERT INTO person (label, shard, timezone, reading_level, created_at)
SELECT 'B-' || number, number %% 64, 'Europe/London', '12-15', %(now)s - interval '400 days'
FROM generate_series(1, %(people)s::integer) AS number;

-- name: name_people
INSERT INTO identity (person_id, preferred_name) SELECT person_id, 'Person ' || person_id FROM person;

-- Twenty for each practitioner; the clinician has every fifth; two have them all, which nobody should.
-- name: assign
INSERT INTO assignment (person_id, staff_id, kind, valid_from)
SELECT person_id, 1 + (person_id - 1) %% 50, 'key_worker', %(now)s - interval '400 days' FROM person
UNION ALL
SELECT person_id, 51, 'clinician', %(now)s - interval '400 days' FROM person WHERE person_id %% 5 = 1
UNION ALL
SELECT person_id, staff_id, 'clinician', %(now)s - interval '400 days'
FROM person, (VALUES (53), (54)) AS everybody (staff_id);

-- name: sign_ins
INSERT INTO sign_in (username, password_hash, staff_id, person_id, created_at)
VALUES ('jo', %(password_hash)s, 1, NULL, %(now)s), ('kim', %(password_hash)s, 51, NULL, %(now)s),
    ('ade', %(password_hash)s, 52, NULL, %(now)s), ('sam', %(password_hash)s, NULL, 1, %(now)s),
    ('lou', %(password_hash)s, 53, NULL, %(now)s), ('max', %(password_hash)s, 54, NULL, %(now)s);

-- What is behind an address that only its owner knows: a calendar, and a link to choose a password.
-- name: give_addresses
WITH feed AS (
    INSERT INTO calendar_feed (token_hash, staff_id, made_at) VALUES (%(token_hash)s, 1, %(now)s)
)
INSERT INTO sign_in_link (link_hash, username, made_at, expires_at)
VALUES (%(token_hash)s, 'jo', %(now)s, %(now)s + interval '1 day');

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

-- What is usual moves a little from day to day, as it does in service.
-- name: let_usual_move
UPDATE daily_feature SET usual = (
    SELECT jsonb_object_agg(key, jsonb_build_array(
        value -> 0, (value ->> 1)::float8 * (0.98 + 0.02 * random()), (value ->> 2)::float8 * (1 + 0.02 * random())
    ))
    FROM jsonb_each(usual)
);

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

-- Who was told of each, and past changes beside the open ones.
-- name: deliver
WITH told AS (
    INSERT INTO delivery (
        alert_id, staff_id, channel, address, idempotency_key, state, attempts, attempt_at, handed_over_at
    )
    SELECT alert_id, 1 + (person_id - 1) %% 50, 'webpush', 'phone', public_id, 'handed_over', 1, raised_at, raised_at
    FROM alert
)
INSERT INTO episode (person_id, family, opened_at, closed_at, level, score, explanation, detector_version)
SELECT person_id, 'illness', %(now)s - month * interval '30 days', %(now)s - month * interval '28 days',
    'for_review', 3, '{"sentence": "Heart rate at night 64 (usual 56).", "contributions": []}', 'bench'
FROM person, generate_series(1, 3) AS month;

-- One in twenty-five sends nothing.
-- name: fall_silent
WITH opened AS (
    INSERT INTO episode (person_id, family, opened_at, level, score, explanation, detector_version)
    SELECT person_id, 'device', %(now)s - interval '5 hours', 'for_review', 1, '{"sentence": "No data."}', 'bench'
    FROM person WHERE person_id %% 25 = 2
    RETURNING episode_id, person_id
)
INSERT INTO silence (episode_id, person_id, device_id, silent_from, noticed_at, reason, classified_at)
SELECT episode_id, person_id, person_id, %(now)s - interval '6 hours', %(now)s - interval '5 hours', 'not_worn',
    %(now)s - interval '5 hours'
FROM opened;

-- Each person is looked at every third day by their key worker, and sealed as a service does.
-- name: look
INSERT INTO access_log (at, person_id, staff_id, looked_at)
SELECT %(now)s - number * interval '3 days', person_id, 1 + (person_id - 1) %% 50, 'trends'
FROM person, generate_series(1, %(days)s::integer / 3) AS number;

-- name: seal
SELECT seal_looks(1000000);

-- What people say of their days, what they ask, and what was done with them.
-- name: say
WITH notes AS (
    INSERT INTO context_note (person_id, kind, first_day, last_day, own_words, staff_id, created_at)
    SELECT person_id, 'exams', (%(now)s - number * interval '25 days')::date,
        (%(now)s - (number * 25 - 5) * interval '1 day')::date, '', NULL, %(now)s - number * interval '25 days'
    FROM person, generate_series(1, 3) AS number
), days AS (
    INSERT INTO check_in (person_id, day, at, face, going_well)
    SELECT person_id, (%(now)s - number * interval '3 days')::date, %(now)s - number * interval '3 days', 'okay',
        'We played.'
    FROM person, generate_series(1, %(days)s::integer / 3) AS number
), columns AS (
    INSERT INTO support_note (person_id, staff_id, worried, working_well, needs, scale, written_at)
    SELECT person_id, 1 + (person_id - 1) %% 50, 'Sleep', 'School', 'A talk', 6, %(now)s - number * interval '30 days'
    FROM person, generate_series(1, 3) AS number
), asked AS (
    INSERT INTO data_request (person_id, kind, words, asked_at)
    SELECT person_id, 'question', 'Who sees this?', %(now)s - interval '2 days' FROM person WHERE person_id %% 20 = 1
)
INSERT INTO contact_log (person_id, staff_id, kind, at, note, written_at)
SELECT person_id, 1 + (person_id - 1) %% 50, 'spoke', %(now)s - number * interval '7 days', 'On the phone.',
    %(now)s - number * interval '7 days'
FROM generate_series(1, %(days)s::integer / 7) AS number, person ORDER BY person_id, number;

-- name: agree
WITH text AS (
    INSERT INTO agreement_text (version, body, set_at, set_by)
    VALUES (1, 'What you agree to.', %(now)s - interval '400 days', 52) RETURNING agreement_text_id
), basis AS (
    INSERT INTO lawful_basis (basis, nation, explanation, review_on, set_at, set_by)
    VALUES ('public_task', 'england', 'A duty of care.', %(now)s::date + 200, %(now)s, 52)
), agreed AS (
    INSERT INTO agreement (person_id, agreement_text_id, said_by, decision, decided_on, recorded_at, recorded_by)
    SELECT person_id, agreement_text_id, 'young_person', 'agreed', %(now)s::date - 390,
        %(now)s - interval '390 days', 52
    FROM person, text
)
INSERT INTO admin_change (at, staff_id, kind, person_id)
SELECT %(now)s - interval '400 days', 52, 'person_enrolled', person_id FROM person;

-- name: administer
WITH duty AS (
    INSERT INTO rota (name, created_at) VALUES ('duty', %(now)s) RETURNING rota_id
), shifts AS (
    INSERT INTO rota_shift (rota_id, staff_id, timezone, weekday, starts_minute, ends_minute, holds_from)
    SELECT rota_id, 1 + weekday, 'Europe/London', weekday, 540, 1020, %(now)s - interval '30 days'
    FROM duty, generate_series(0, 6) AS weekday
), draft AS (
    INSERT INTO policy_draft (kind, source, made_at, made_by)
    VALUES ('alerts', 'name = "bench"', %(now)s, 52) RETURNING policy_draft_id
)
INSERT INTO policy_trial (policy_draft_id, kind, asked_at, asked_by, state, ended_at, lines)
SELECT policy_draft_id, 'check', %(now)s, 52, 'passed', %(now)s, ARRAY['Nothing is wrong with it.'] FROM draft;

-- name: tell_stories
INSERT INTO alert_event (alert_id, at, kind, reason)
SELECT alert_id, raised_at, 'created', 'raised' FROM alert
UNION ALL SELECT alert_id, closed_at, 'closed', 'closed' FROM alert WHERE closed_at IS NOT NULL;

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

-- name: end_batches
UPDATE shard SET last_moment = %(now)s;
