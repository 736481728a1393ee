-- Erasing one person. A statement that has the name of a table deletes what that table holds about them; they
-- run in this order, so that nothing refers to what is gone. `devices` are those that nobody else ever wore.

-- name: find_person
SELECT person_id, shard, label FROM person WHERE label = %(label)s;

-- name: devices_of
SELECT DISTINCT device.device_id, device.name,
    NOT EXISTS (
        SELECT FROM device_assignment AS other
        WHERE other.device_id = device.device_id AND other.person_id <> %(person_id)s
    ) AS is_theirs_alone,
    mine.valid_until IS NULL AS is_worn
FROM device_assignment AS mine JOIN device USING (device_id)
WHERE mine.person_id = %(person_id)s
ORDER BY device.device_id;

-- name: hold_on
SELECT reason, set_by, set_at FROM legal_hold WHERE person_id = %(person_id)s AND lifted_at IS NULL;

-- name: begun
SELECT erasure_id, person_id, shard, device_ids, device_name_hashes, reason, done_by, begun_at, certificate
FROM erasure WHERE label_hash = %(label_hash)s;

-- name: begin
INSERT INTO erasure (
    person_id, shard, label_hash, device_ids, device_name_hashes, reason, done_by, begun_at
)
VALUES (
    %(person_id)s, %(shard)s, %(label_hash)s, %(devices)s, %(device_name_hashes)s, %(reason)s, %(done_by)s, %(now)s
);

-- name: revoke_devices
UPDATE device SET revoked_at = coalesce(revoked_at, %(now)s) WHERE device_id = ANY (%(worn)s);

-- name: close_doors_of_devices
DELETE FROM device_credential WHERE device_id = ANY (%(worn)s);

-- name: close_door_of_person
UPDATE sign_in SET disabled_at = coalesce(disabled_at, %(now)s) WHERE person_id = %(person_id)s;

-- name: announce_devices
SELECT pg_notify('tidewell_device_credential', '');

-- A hypertable whose chunks turned into columns has a limit for a transaction; elsewhere this says nothing.
-- name: allow_old_chunks
SELECT set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);

-- Where the rows of others could be hidden from us, fail and do not pass over them.
-- name: see_every_row
SELECT set_config('row_security', 'off', true);

-- The worker that holds the shard cannot commit any more what it has in memory; it begins again from what is
-- stored, without the person.
-- name: fence
UPDATE shard SET epoch = epoch + 1, owner = NULL, lease_until = NULL, listening_since = NULL
WHERE shard = %(shard)s;

-- name: snapshot
SELECT state FROM detector_snapshot WHERE shard = %(shard)s FOR UPDATE;

-- name: save_snapshot
UPDATE detector_snapshot SET state = %(state)s WHERE shard = %(shard)s;

-- name: receipt_intake
DELETE FROM receipt_intake USING delivery_receipt, delivery, alert
WHERE receipt_intake.delivery_receipt_id = delivery_receipt.delivery_receipt_id
  AND delivery_receipt.reference = delivery.idempotency_key
  AND delivery.alert_id = alert.alert_id AND alert.person_id = %(person_id)s;

-- name: delivery_receipt
DELETE FROM delivery_receipt USING delivery, alert
WHERE delivery_receipt.reference = delivery.idempotency_key
  AND delivery.alert_id = alert.alert_id AND alert.person_id = %(person_id)s;

-- name: delivery
DELETE FROM delivery USING alert
WHERE delivery.alert_id = alert.alert_id AND alert.person_id = %(person_id)s;

-- name: alert_event
DELETE FROM alert_event USING alert
WHERE alert_event.alert_id = alert.alert_id AND alert.person_id = %(person_id)s;

-- name: alert_action
DELETE FROM alert_action USING alert
WHERE alert_action.alert_id = alert.alert_id AND alert.person_id = %(person_id)s;

-- name: alert_intake
DELETE FROM alert_intake
WHERE alert_id IN (SELECT alert_id FROM alert WHERE person_id = %(person_id)s)
   OR episode_event_id IN (
       SELECT episode_event_id FROM episode_event JOIN episode USING (episode_id)
       WHERE episode.person_id = %(person_id)s
   );

-- name: concern_intake
DELETE FROM concern_intake
WHERE alert_id IN (SELECT alert_id FROM alert WHERE person_id = %(person_id)s)
   OR concern_id IN (SELECT concern_id FROM concern WHERE person_id = %(person_id)s);

-- name: contact_log
DELETE FROM contact_log WHERE person_id = %(person_id)s;

-- name: support_note
DELETE FROM support_note WHERE person_id = %(person_id)s;

-- name: alert
DELETE FROM alert WHERE person_id = %(person_id)s;

-- name: concern
DELETE FROM concern WHERE person_id = %(person_id)s;

-- name: check_in
DELETE FROM check_in WHERE person_id = %(person_id)s;

-- name: data_request
DELETE FROM data_request WHERE person_id = %(person_id)s;

-- name: episode_event
DELETE FROM episode_event USING episode
WHERE episode_event.episode_id = episode.episode_id AND episode.person_id = %(person_id)s;

-- name: silence
DELETE FROM silence WHERE person_id = %(person_id)s;

-- name: episode
DELETE FROM episode WHERE person_id = %(person_id)s;

-- name: detector_signal
DELETE FROM detector_signal WHERE person_id = %(person_id)s;

-- name: repair
DELETE FROM repair WHERE person_id = %(person_id)s;

-- name: daily_feature
DELETE FROM daily_feature WHERE person_id = %(person_id)s;

-- What was refused of their devices, and of a device that others wore too while it was theirs.
-- name: dead_letter
DELETE FROM dead_letter
WHERE sha256(convert_to(split_part(topic, '/', 4), 'UTF8')) = ANY (%(device_name_hashes)s)
   OR device_id = ANY (%(devices)s)
   OR EXISTS (
       SELECT FROM device_assignment AS mine
       WHERE mine.person_id = %(person_id)s AND mine.device_id = dead_letter.device_id
         AND dead_letter.received_at >= mine.valid_from
         AND dead_letter.received_at < coalesce(mine.valid_until + interval '14 days', 'infinity')
   )
   OR (device_id, boot) IN (
       SELECT reading.device_id, reading.boot::bigint FROM reading WHERE reading.person_id = %(person_id)s
   );

-- name: reading
DELETE FROM reading WHERE person_id = %(person_id)s;

-- name: reading_hour
DELETE FROM reading_hour WHERE person_id = %(person_id)s;

-- name: reading_day
DELETE FROM reading_day WHERE person_id = %(person_id)s;

-- name: hours_upto
DELETE FROM hours_upto WHERE person_id = %(person_id)s;

-- name: hours_again
DELETE FROM hours_again WHERE person_id = %(person_id)s;

-- name: unscored_span
DELETE FROM unscored_span WHERE device_id = ANY (%(devices)s);

-- name: scored_later
DELETE FROM scored_later WHERE device_id = ANY (%(devices)s);

-- name: frame_gap
DELETE FROM frame_gap WHERE device_id = ANY (%(devices)s);

-- name: device_cursor
DELETE FROM device_cursor WHERE device_id = ANY (%(devices)s);

-- name: device_status
DELETE FROM device_status WHERE device_id = ANY (%(devices)s);

-- name: device_credential
DELETE FROM device_credential WHERE device_id = ANY (%(devices)s);

-- name: device_assignment
DELETE FROM device_assignment WHERE person_id = %(person_id)s;

-- name: pairing_code
DELETE FROM pairing_code
WHERE device_id = ANY (%(devices)s)
  AND NOT EXISTS (SELECT FROM device_assignment WHERE device_assignment.device_id = pairing_code.device_id);

-- name: device
DELETE FROM device
WHERE device_id = ANY (%(devices)s)
  AND NOT EXISTS (SELECT FROM device_assignment WHERE device_assignment.device_id = device.device_id);

-- name: context_note
DELETE FROM context_note WHERE person_id = %(person_id)s;

-- name: pause
DELETE FROM pause WHERE person_id = %(person_id)s;

-- name: plan_limit
DELETE FROM plan_limit WHERE person_id = %(person_id)s;

-- name: assignment
DELETE FROM assignment WHERE person_id = %(person_id)s;

-- name: own_choice
DELETE FROM own_choice WHERE person_id = %(person_id)s;

-- name: channel_off
DELETE FROM channel_off WHERE person_id = %(person_id)s;

-- name: agreement
DELETE FROM agreement WHERE person_id = %(person_id)s;

-- name: competence
DELETE FROM competence WHERE person_id = %(person_id)s;

-- name: sharing_preference
DELETE FROM sharing_preference WHERE person_id = %(person_id)s;

-- name: opening
DELETE FROM opening WHERE person_id = %(person_id)s;

-- name: admin_change
DELETE FROM admin_change WHERE person_id = %(person_id)s;

-- What staff were answered is kept for a day and may be about anybody: all of it goes, and is not counted as theirs.
-- The keys stay, so that a request that comes again does nothing twice.
-- name: empty_answers
WITH of_administrators AS (UPDATE admin_answer SET body = '' WHERE body <> '')
UPDATE api_answer SET body = '' WHERE body <> '';

-- name: api_answer
DELETE FROM api_answer
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: admin_answer
DELETE FROM admin_answer
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: api_token
DELETE FROM api_token
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: passkey
DELETE FROM passkey
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: authenticator_app
DELETE FROM authenticator_app
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: recovery_code
DELETE FROM recovery_code
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: sign_in_challenge
DELETE FROM sign_in_challenge
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: known_device
DELETE FROM known_device
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: sign_in_link
DELETE FROM sign_in_link
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: session
DELETE FROM session
WHERE username IN (SELECT username FROM sign_in WHERE person_id = %(person_id)s);

-- name: sign_in
DELETE FROM sign_in WHERE person_id = %(person_id)s;

-- name: identity
DELETE FROM identity WHERE person_id = %(person_id)s;

-- name: person
DELETE FROM person WHERE person_id = %(person_id)s;

-- name: rows_gone
UPDATE erasure SET rows_gone_at = coalesce(rows_gone_at, %(now)s) WHERE person_id = %(person_id)s;

-- name: broker_waits
SELECT erasure_id FROM erasure WHERE rows_gone_at IS NOT NULL AND broker_emptied_at IS NULL;

-- name: broker_emptied
UPDATE erasure SET broker_emptied_at = %(now)s
WHERE erasure_id = ANY (%(erasures)s) AND broker_emptied_at IS NULL;

-- name: progress
SELECT rows_gone_at, broker_emptied_at FROM erasure WHERE person_id = %(person_id)s;

-- The planner keeps common values of columns, names and words among them, also after their rows are gone.
-- name: can_forget_statistics
SELECT count(*) FROM pg_proc WHERE proname = 'pg_clear_attribute_stats';

-- name: forget_statistics
SELECT count(pg_clear_attribute_stats(schemaname::text, tablename::text, attname::text, inherited))
FROM pg_stats WHERE schemaname = 'public' AND tablename = ANY (%(tables)s);

-- What holds words or names. The tables of readings and days are left to the database's own pace.
-- name: vacuum
VACUUM (ANALYZE) receipt_intake, delivery_receipt, delivery, alert_event, alert_action, alert_intake, concern_intake,
    alert, concern, episode_event, silence, episode, detector_signal, dead_letter, device_status, device_credential,
    device_assignment, device, context_note, contact_log, support_note, check_in, data_request, agreement, competence, admin_change, opening,
    pause, plan_limit, assignment, api_answer, admin_answer, session, sign_in, identity, person;

-- name: certify
UPDATE erasure SET checked_at = %(now)s, certificate = %(certificate)s WHERE person_id = %(person_id)s;

-- name: certificates
SELECT erasure_id, certificate FROM erasure WHERE certificate IS NOT NULL ORDER BY erasure_id;

-- What may still come in for somebody who was erased lately: a frame on its way, an alert in the making.
-- name: erased_lately
SELECT person_id, device_ids, device_name_hashes FROM erasure
WHERE rows_gone_at IS NOT NULL AND begun_at > %(since)s ORDER BY person_id;

-- name: set_hold
INSERT INTO legal_hold (person_id, reason, set_by, set_at)
VALUES (%(person_id)s, %(reason)s, %(set_by)s, %(now)s)
ON CONFLICT (person_id) WHERE lifted_at IS NULL DO NOTHING;

-- name: lift_hold
UPDATE legal_hold SET lifted_at = %(now)s, lifted_by = %(lifted_by)s
WHERE person_id = %(person_id)s AND lifted_at IS NULL;

-- name: holds
SELECT person.label, legal_hold.reason, legal_hold.set_by, legal_hold.set_at
FROM legal_hold JOIN person USING (person_id)
WHERE lifted_at IS NULL ORDER BY person.label;
