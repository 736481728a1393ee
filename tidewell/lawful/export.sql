-- Everything about one person. A statement has the name of the table that it reads; those for the copy that young
-- people get themselves read what the pages may read. No secret and no hash of one is in any of them.

-- name: access_log
SELECT access_log.at, coalesce(staff.display_name, 'You or your worker''s office') AS who, access_log.looked_at
FROM access_log LEFT JOIN staff USING (staff_id)
WHERE access_log.person_id = %(person_id)s ORDER BY access_log.at, access_log.access_id;

-- name: admin_change
SELECT admin_change.* FROM admin_change WHERE person_id = %(person_id)s ORDER BY admin_change_id;

-- name: agreement
SELECT agreement.* FROM agreement WHERE person_id = %(person_id)s ORDER BY agreement_id;

-- name: alert
SELECT alert.* FROM alert WHERE person_id = %(person_id)s ORDER BY alert_id;

-- name: alert_action
SELECT alert_action.* FROM alert_action JOIN alert USING (alert_id)
WHERE alert.person_id = %(person_id)s ORDER BY alert_action_id;

-- name: alert_event
SELECT alert_event.* FROM alert_event JOIN alert USING (alert_id)
WHERE alert.person_id = %(person_id)s ORDER BY alert_event_id;

-- name: alert_intake
SELECT alert_intake.* FROM alert_intake
WHERE alert_id IN (SELECT alert_id FROM alert WHERE person_id = %(person_id)s)
   OR episode_event_id IN (
       SELECT episode_event_id FROM episode_event JOIN episode USING (episode_id)
       WHERE episode.person_id = %(person_id)s
   )
ORDER BY episode_event_id;

-- name: assignment
SELECT staff.display_name AS who, staff.role, assignment.kind, assignment.valid_from, assignment.valid_until
FROM assignment JOIN staff USING (staff_id)
WHERE assignment.person_id = %(person_id)s ORDER BY assignment.valid_from;

-- name: channel_off
SELECT channel_off.* FROM channel_off WHERE person_id = %(person_id)s ORDER BY channel_off_id;

-- name: check_in
SELECT check_in.* FROM check_in WHERE person_id = %(person_id)s ORDER BY check_in_id;

-- name: competence
SELECT competence.* FROM competence WHERE person_id = %(person_id)s ORDER BY competence_id;

-- name: concern
SELECT concern.* FROM concern WHERE person_id = %(person_id)s ORDER BY concern_id;

-- name: concern_intake
SELECT concern_intake.* FROM concern_intake JOIN concern USING (concern_id)
WHERE concern.person_id = %(person_id)s ORDER BY concern_id;

-- name: contact_log
SELECT contact_log.* FROM contact_log WHERE person_id = %(person_id)s ORDER BY contact_id;

-- name: context_note
SELECT context_note.* FROM context_note WHERE person_id = %(person_id)s ORDER BY context_note_id;

-- name: daily_feature
SELECT daily_feature.* FROM daily_feature WHERE person_id = %(person_id)s ORDER BY day;

-- name: data_request
SELECT data_request.* FROM data_request WHERE person_id = %(person_id)s ORDER BY data_request_id;

-- name: dead_letter
SELECT received_at, device_id, boot, seq, reason, detail, payload
FROM dead_letters_for_themselves(%(person_id)s);

-- name: delivery
SELECT delivery.alert_id, delivery.channel, delivery.state, delivery.attempts, delivery.attempt_at, delivery.handed_over_at
FROM delivery JOIN alert USING (alert_id)
WHERE alert.person_id = %(person_id)s ORDER BY delivery_id;

-- name: detector_signal
SELECT detector_signal.* FROM detector_signal WHERE person_id = %(person_id)s ORDER BY signal_id;

-- name: device
SELECT device.* FROM device
WHERE device_id IN (SELECT device_id FROM device_assignment WHERE person_id = %(person_id)s) ORDER BY device_id;

-- name: device_assignment
SELECT device_assignment.* FROM device_assignment WHERE person_id = %(person_id)s ORDER BY valid_from;

-- name: device_cursor
SELECT device_cursor.* FROM device_cursor
WHERE EXISTS (
    SELECT FROM device_assignment AS mine
    WHERE mine.person_id = %(person_id)s AND mine.device_id = device_cursor.device_id
      AND device_cursor.first_received_at < coalesce(mine.valid_until, 'infinity')
      AND device_cursor.last_received_at >= mine.valid_from
)
ORDER BY device_id, boot;

-- name: device_status
SELECT device_status.* FROM device_status
WHERE device_id IN (
    SELECT device_id FROM device_assignment WHERE person_id = %(person_id)s AND valid_until IS NULL
);

-- name: episode
SELECT episode.* FROM episode WHERE person_id = %(person_id)s ORDER BY episode_id;

-- name: episode_event
SELECT episode_event.* FROM episode_event JOIN episode USING (episode_id)
WHERE episode.person_id = %(person_id)s ORDER BY episode_event_id;

-- name: frame_gap
SELECT frame_gap.* FROM frame_gap
WHERE EXISTS (
    SELECT FROM device_assignment AS mine
    WHERE mine.person_id = %(person_id)s AND mine.device_id = frame_gap.device_id
      AND frame_gap.noticed_at >= mine.valid_from
      AND frame_gap.noticed_at < coalesce(mine.valid_until, 'infinity')
)
ORDER BY device_id, boot, first_seq;

-- name: identity
SELECT identity.* FROM identity WHERE person_id = %(person_id)s;

-- name: legal_hold
SELECT legal_hold.* FROM legal_hold WHERE person_id = %(person_id)s ORDER BY legal_hold_id;

-- name: opening
SELECT opening.*, opener.display_name AS opened_by, reviewer.display_name AS reviewed_by_name
FROM opening
JOIN staff AS opener ON opener.staff_id = opening.staff_id
LEFT JOIN staff AS reviewer ON reviewer.staff_id = opening.reviewed_by
WHERE opening.person_id = %(person_id)s ORDER BY opening.opening_id;

-- name: own_choice
SELECT own_choice.* FROM own_choice WHERE person_id = %(person_id)s ORDER BY person_id;

-- name: pause
SELECT pause.* FROM pause WHERE person_id = %(person_id)s ORDER BY pause_id;

-- name: person
SELECT person.* FROM person WHERE person_id = %(person_id)s;

-- name: plan_limit
SELECT plan_limit.* FROM plan_limit WHERE person_id = %(person_id)s ORDER BY slot;

-- name: reading
SELECT time, device_id, period_s, received_at, heart_rate, hrv_rmssd, skin_temperature, eda, steps, spo2,
    respiratory_rate, motion, sleep_state, worn
FROM readings_for_themselves(%(person_id)s, '-infinity', 'infinity') ORDER BY time, device_id;

-- name: repair
SELECT repair.* FROM repair WHERE person_id = %(person_id)s ORDER BY repair_id;

-- name: scored_later
SELECT scored_later.* FROM scored_later
WHERE EXISTS (
    SELECT FROM device_assignment AS mine
    WHERE mine.person_id = %(person_id)s AND mine.device_id = scored_later.device_id
      AND scored_later.scored_at >= mine.valid_from
      AND scored_later.scored_at < coalesce(mine.valid_until, 'infinity')
)
ORDER BY device_id, boot, first_seq;

-- name: session
SELECT session.created_at, session.seen_at, session.ended_at
FROM session JOIN sign_in USING (username)
WHERE sign_in.person_id = %(person_id)s ORDER BY session.created_at;

-- name: sharing_preference
SELECT sharing_preference.* FROM sharing_preference WHERE person_id = %(person_id)s ORDER BY sharing_preference_id;

-- name: sign_in
SELECT username, created_at, disabled_at FROM sign_in WHERE person_id = %(person_id)s;

-- name: silence
SELECT silence.* FROM silence WHERE person_id = %(person_id)s ORDER BY silent_from;

-- name: support_note
SELECT support_note.* FROM support_note WHERE person_id = %(person_id)s ORDER BY support_note_id;

-- name: log_export
INSERT INTO access_log (at, person_id, staff_id, looked_at)
VALUES (%(now)s, %(person_id)s, NULL, %(looked_at)s);

-- name: see_one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
