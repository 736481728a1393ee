-- What is old enough to go. A statement that has the name of a table deletes what is older than `before`, but for
-- people on hold; those of one class run in this order, in one transaction.

-- name: last_run
SELECT max(at) FROM retention_run;

-- name: people_on_hold
SELECT coalesce(array_agg(person_id), '{}') FROM legal_hold WHERE lifted_at IS NULL;

-- name: people
SELECT person_id FROM person ORDER BY person_id;

-- name: note_run
INSERT INTO retention_run (at, class, before, gone, people_on_hold, seconds)
VALUES (%(now)s, %(class)s, %(before)s, %(gone)s, %(people_on_hold)s, %(seconds)s);

-- name: runs
SELECT at, class, before, gone, people_on_hold FROM retention_run
WHERE at = (SELECT max(at) FROM retention_run) ORDER BY retention_run_id;

-- One person at a time: their readings lie together, and a worker that stores others does not wait. A recording of
-- long ago that was played in lately stays as long as any other.
-- name: reading
WITH gone AS (
    DELETE FROM reading
    WHERE person_id = %(person_id)s AND time < %(before)s AND received_at < %(before)s
    RETURNING person_id, time
), days AS (
    SELECT DISTINCT person_id, (time AT TIME ZONE 'UTC')::date AS day FROM gone
), packed AS (
    DELETE FROM reading_day USING days WHERE reading_day.person_id = days.person_id AND reading_day.day = days.day
), changed AS (
    INSERT INTO hours_again SELECT person_id, day FROM days
    -- Whoever makes the hours of a day that is noted already has to wait for this to be committed.
    ON CONFLICT (person_id, day) DO UPDATE SET day = excluded.day
)
SELECT count(*) FROM gone;

-- Hours of which no minute is left.
-- name: reading_hour
DELETE FROM reading_hour
WHERE hour < %(before)s AND person_id <> ALL (%(held)s)
  AND NOT EXISTS (
      SELECT FROM reading
      WHERE reading.person_id = reading_hour.person_id
        AND reading.time >= reading_hour.hour AND reading.time < reading_hour.hour + interval '1 hour'
  );

-- name: reading_day
DELETE FROM reading_day
WHERE day < (%(before)s::timestamptz AT TIME ZONE 'UTC')::date AND person_id <> ALL (%(held)s)
  AND NOT EXISTS (
      SELECT FROM reading
      WHERE reading.person_id = reading_day.person_id
        AND reading.time >= reading_day.day::timestamp AT TIME ZONE 'UTC'
        AND reading.time < (reading_day.day + 1)::timestamp AT TIME ZONE 'UTC'
  );

-- name: old_readings
SELECT count(*) FROM reading WHERE time < %(before)s;

-- Whole chunks of a hypertable, where nobody is on hold.
-- name: drop_old_chunks
SELECT count(*) FROM drop_chunks('reading', older_than => %(before)s::timestamptz);

-- Never before the readings that it was made of.
-- name: daily_feature
DELETE FROM daily_feature
WHERE day < (%(before)s::timestamptz AT TIME ZONE 'UTC')::date AND person_id <> ALL (%(held)s)
  AND NOT EXISTS (
      SELECT FROM reading
      WHERE reading.person_id = daily_feature.person_id
        AND reading.time >= daily_feature.day - interval '1 day'
        AND reading.time < daily_feature.day + interval '2 days'
  );

-- name: dead_letter
DELETE FROM dead_letter
WHERE received_at < %(before)s
  AND (device_id IS NULL OR device_id NOT IN (
      SELECT device_id FROM device_assignment WHERE person_id = ANY (%(held)s)
  ));

-- name: old_answers
DELETE FROM api_answer WHERE made_at < %(before)s;

-- name: old_answers_of_administrators
DELETE FROM admin_answer WHERE made_at < %(before)s;

-- name: session
DELETE FROM session WHERE greatest(seen_at, ended_at) < %(before)s;

-- name: opening_try
DELETE FROM opening_try WHERE tried_at < %(before)s;

-- Alerts that are about to go; what refers to them first.
-- name: forget_former_alerts
UPDATE alert SET former_alert_id = NULL
WHERE former_alert_id IN (
    SELECT alert_id FROM alert WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s)
);

-- name: delivery
DELETE FROM delivery USING alert
WHERE delivery.alert_id = alert.alert_id AND alert.closed_at < %(before)s
  AND alert.person_id <> ALL (%(held)s);

-- name: alert_event
DELETE FROM alert_event USING alert
WHERE alert_event.alert_id = alert.alert_id AND alert.closed_at < %(before)s
  AND alert.person_id <> ALL (%(held)s);

-- name: alert_action
DELETE FROM alert_action USING alert
WHERE alert_action.alert_id = alert.alert_id AND alert.closed_at < %(before)s
  AND alert.person_id <> ALL (%(held)s);

-- name: alert_intake
DELETE FROM alert_intake
WHERE alert_id IN (
        SELECT alert_id FROM alert WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s)
    )
   OR alert_id IS NULL AND episode_event_id IN (
        SELECT episode_event_id FROM episode_event JOIN episode USING (episode_id)
        WHERE episode.closed_at < %(before)s AND episode.person_id <> ALL (%(held)s)
    );

-- name: concern_intake
DELETE FROM concern_intake
WHERE alert_id IN (
        SELECT alert_id FROM alert WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s)
    )
   OR alert_id IS NULL AND decided_at < %(before)s AND concern_id IN (
        SELECT concern_id FROM concern WHERE person_id <> ALL (%(held)s)
    );

-- What was written about an alert goes with it; what was put right stays as long as its correction.
-- name: contact_log
DELETE FROM contact_log
WHERE person_id <> ALL (%(held)s) AND (
    at < %(before)s AND NOT EXISTS (
        SELECT FROM contact_log AS later
        WHERE later.corrects = contact_log.contact_id AND later.at >= %(before)s
    )
    OR corrects_alert_id IN (
        SELECT alert_id FROM alert WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s)
    )
);

-- name: support_note
DELETE FROM support_note
WHERE person_id <> ALL (%(held)s) AND (
    written_at < %(before)s
    OR alert_id IN (
        SELECT alert_id FROM alert WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s)
    )
);

-- name: alert
DELETE FROM alert WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s);

-- What was asked goes once nothing is left that was made of it, and together with what took it back.
-- name: concern
DELETE FROM concern
WHERE person_id <> ALL (%(held)s) AND coalesce(withdraws, concern_id) IN (
    SELECT asked.concern_id FROM concern AS asked
    WHERE asked.at < %(before)s AND asked.withdraws IS NULL
      AND NOT EXISTS (SELECT FROM concern_intake WHERE concern_intake.concern_id = asked.concern_id)
      AND NOT EXISTS (
          SELECT FROM concern AS taken_back
          WHERE taken_back.withdraws = asked.concern_id AND taken_back.at >= %(before)s
      )
);

-- name: check_in
DELETE FROM check_in WHERE at < %(before)s AND person_id <> ALL (%(held)s);

-- name: data_request
DELETE FROM data_request
WHERE coalesce(answered_at, taken_back_at) < %(before)s AND person_id <> ALL (%(held)s);

-- name: episode_event
DELETE FROM episode_event USING episode
WHERE episode_event.episode_id = episode.episode_id AND episode.closed_at < %(before)s
  AND episode.person_id <> ALL (%(held)s)
  AND NOT EXISTS (SELECT FROM alert WHERE alert.episode_id = episode.episode_id)
  AND NOT EXISTS (
      SELECT FROM alert_intake JOIN episode_event AS told USING (episode_event_id)
      WHERE told.episode_id = episode.episode_id
  );

-- name: silence
DELETE FROM silence
WHERE ended_at < %(before)s AND person_id <> ALL (%(held)s)
  AND NOT EXISTS (SELECT FROM episode_event WHERE episode_event.episode_id = silence.episode_id);

-- name: episode
DELETE FROM episode
WHERE closed_at < %(before)s AND person_id <> ALL (%(held)s)
  AND NOT EXISTS (SELECT FROM episode_event WHERE episode_event.episode_id = episode.episode_id)
  AND NOT EXISTS (SELECT FROM silence WHERE silence.episode_id = episode.episode_id);

-- name: context_note
DELETE FROM context_note
WHERE greatest(created_at, last_day::timestamp AT TIME ZONE 'UTC') < %(before)s AND person_id <> ALL (%(held)s);

-- name: pause
DELETE FROM pause WHERE paused_until < %(before)s AND person_id <> ALL (%(held)s);

-- name: frame_gap
DELETE FROM frame_gap
WHERE state = 'lost_on_device' AND noticed_at < %(before)s AND device_id NOT IN (
    SELECT device_id FROM device_assignment WHERE person_id = ANY (%(held)s)
);

-- name: scored_later
DELETE FROM scored_later
WHERE scored_at < %(before)s AND device_id NOT IN (
    SELECT device_id FROM device_assignment WHERE person_id = ANY (%(held)s)
);

-- name: repair
DELETE FROM repair WHERE done_at < %(before)s AND person_id <> ALL (%(held)s);

-- name: outage
DELETE FROM outage WHERE ended_at < %(before)s;

-- name: receipt_intake
DELETE FROM receipt_intake USING delivery_receipt
WHERE receipt_intake.delivery_receipt_id = delivery_receipt.delivery_receipt_id
  AND delivery_receipt.received_at < %(before)s;

-- name: delivery_receipt
DELETE FROM delivery_receipt WHERE received_at < %(before)s;

-- name: operations_delivery
DELETE FROM operations_delivery USING operations_notice
WHERE operations_delivery.operations_notice_id = operations_notice.operations_notice_id
  AND operations_notice.ended_at < %(before)s;

-- name: operations_notice
DELETE FROM operations_notice WHERE ended_at < %(before)s;

-- name: auditor_run
DELETE FROM auditor_run WHERE at < %(before)s;

-- name: reach_run
DELETE FROM reach_run WHERE at < %(before)s;
