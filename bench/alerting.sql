-- What `bench alerts` prepares and asks, beside what alerts does itself.

-- name: hire
INSERT INTO staff (role, display_name, created_at)
SELECT 'practitioner', 'Key worker ' || number, %(now)s FROM generate_series(1, %(staff)s::integer) AS number;

-- name: enrol
INSERT INTO person (label, shard, timezone, reading_level, created_at)
SELECT 'B-' || number, number %% 64, 'UTC', '12-15', %(now)s FROM generate_series(1, %(people)s::integer) AS number;

-- name: assign
INSERT INTO assignment (person_id, staff_id, kind, valid_from)
SELECT person_id, 1 + person_id %% %(staff)s::integer, 'key_worker', %(now)s FROM person;

-- Alerts that somebody was told of within the last days; every other one is accepted. Their next steps lie
-- in the next eight hours, so that some of them are due while others are raised.
-- name: fill
WITH told AS (
    INSERT INTO alert (
        public_id, person_id, cause, level, state, since, raised_at, recipient_staff_id, accepted_by,
        accepted_at, explanation, policy, wake_at
    )
    SELECT 'FILL' || number, 1 + number %% %(people)s::integer, 'sleep', 'check_today',
        CASE number %% 2 WHEN 0 THEN 'notified' ELSE 'accepted' END, moment, moment,
        1 + number %% %(staff)s::integer, CASE number %% 2 WHEN 1 THEN 1 + number %% %(staff)s::integer END,
        CASE number %% 2 WHEN 1 THEN moment END, '{}', %(policy)s,
        %(now)s + (number %% 28800) * interval '1 second' + interval '1 minute'
    FROM generate_series(%(first)s::integer, %(last)s::integer) AS number,
        LATERAL (SELECT %(now)s - (number %% 2880) * interval '1 minute' AS moment) AS raised
    RETURNING alert_id, raised_at, recipient_staff_id
), line AS (
    INSERT INTO alert_event (alert_id, at, kind, reason, staff_id, detail)
    SELECT alert_id, raised_at, kind, reason, staff_id, detail FROM told, LATERAL (VALUES
        ('created', 'raised', NULL::integer, ''),
        ('notification_queued', 'first_notification', recipient_staff_id, 'key_worker'),
        ('notification_sent', 'handed_over', recipient_staff_id, 'webhook')
    ) AS story (kind, reason, staff_id, detail)
)
INSERT INTO delivery (
    alert_id, staff_id, channel, address, idempotency_key, state, attempts, attempt_at, handed_over_at, ask
)
SELECT alert_id, recipient_staff_id, channel, 'filled', channel || alert_id, 'handed_over', 1, raised_at,
    raised_at, '1.0'
FROM told, unnest(ARRAY['console', 'webhook']) AS channel;

-- name: raise
WITH opened AS (
    INSERT INTO episode (person_id, family, opened_at, level, score, explanation, detector_version)
    VALUES (%(person_id)s, 'acute_load', %(now)s, 'check_now', 9, '{}', 'bench')
    RETURNING episode_id
)
INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)
SELECT episode_id, 'opened', %(now)s, %(now)s, 'check_now', 9, '{}' FROM opened
RETURNING episode_id;

-- name: hint
SELECT pg_notify('tidewell_episode_event', '');

-- name: bare_table
CREATE TABLE bare (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);

-- name: bare_insert
INSERT INTO bare (body) VALUES ('a row');

-- name: bare_hint
SELECT pg_notify('bare', '');

-- name: bare_listen
LISTEN bare;

-- name: raised
SELECT episode_id, public_id FROM alert WHERE episode_id IS NOT NULL;

-- name: is_working
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tidewell alerts decider';

-- name: unclosed
SELECT count(*) FROM alert WHERE state <> 'closed' AND person_id <> 0;
