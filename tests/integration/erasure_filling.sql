-- What the pipeline does not write about somebody in half a minute.

-- name: by_hand
UPDATE identity SET preferred_name = %(name)s WHERE person_id = (SELECT person_id FROM person WHERE label = %(label)s);
INSERT INTO unscored_span SELECT device_id, 1, %(now)s, %(now)s FROM device WHERE name = %(device)s;
INSERT INTO reading_hour
    SELECT person_id, '2026-01-01', false, 60, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
           1, 1, 1, 1, 1, 1, 1, 1
    FROM person WHERE label = %(label)s;
INSERT INTO reading_day
    SELECT person_id, '2026-01-01', '\x01', '\x01', '\x01', '\x01', '\x01', '\x01', '\x01', '\x01', '\x01', '\x01'
    FROM person WHERE label = %(label)s;
INSERT INTO hours_upto SELECT person_id, '2026-01-02' FROM person WHERE label = %(label)s;
INSERT INTO hours_again SELECT person_id, '2026-01-01' FROM person WHERE label = %(label)s;
INSERT INTO scored_later SELECT device_id, 1, 1, 2, 'waited', %(now)s FROM device WHERE name = %(device)s;
INSERT INTO frame_gap SELECT device_id, 1, 5, 6, 'lost_on_device', %(now)s FROM device WHERE name = %(device)s;
INSERT INTO repair (person_id, first_day, last_day, reason, readings, noted_at, widened_at)
    SELECT person_id, '2026-01-01', '2026-01-02', 'asked_for', 1, %(now)s, %(now)s FROM person WHERE label = %(label)s;
INSERT INTO silence (episode_id, person_id, silent_from, noticed_at, reason, classified_at)
    SELECT episode_id, person_id, %(now)s, %(now)s, 'unknown', %(now)s FROM episode
    WHERE person_id = (SELECT person_id FROM person WHERE label = %(label)s) LIMIT 1;
INSERT INTO dead_letter (received_at, topic, device_id, reason, detail, whole_frame, payload, payload_bytes, payload_hash)
    SELECT %(now)s, 'tidewell/v1/1/' || name || '/frame', device_id, 'bad_json', 'x', true,
           convert_to('{"heart_rate": [83.28125', 'UTF8'), 24, '\x01' FROM device WHERE name = %(device)s;
INSERT INTO dead_letter (received_at, topic, device_id, reason, detail, whole_frame, payload, payload_bytes, payload_hash)
    VALUES (%(now)s, 'tidewell/v1/1/' || %(device)s || '/frame', NULL, 'unknown_device', %(device)s, true,
            convert_to('{"heart_rate": [83.28125]}', 'UTF8'), 25, '\x02');
INSERT INTO pause (person_id, paused_from, paused_until)
    SELECT person_id, '2020-01-01', '2020-01-02' FROM person WHERE label = %(label)s;
INSERT INTO context_note (person_id, kind, first_day, last_day, own_words, created_at)
    SELECT person_id, 'ill', '2026-01-01', '2026-01-02', %(words)s, %(now)s FROM person WHERE label = %(label)s;
INSERT INTO sign_in (username, password_hash, person_id, created_at)
    SELECT %(username)s, 'x', person_id, %(now)s FROM person WHERE label = %(label)s;
INSERT INTO session (token_hash, username, created_at, seen_at, proved_at)
    VALUES ('\x01', %(username)s, %(now)s, %(now)s, %(now)s);
INSERT INTO passkey (username, credential_id, user_handle, public_key, sign_count, device_label, created_at)
    VALUES (%(username)s, '\x01', '\x01', '\x01', 0, 'A telephone', %(now)s);
INSERT INTO authenticator_app (username, secret, made_at) VALUES (%(username)s, 'x', %(now)s);
INSERT INTO recovery_code (username, code_hash, made_at) VALUES (%(username)s, '\x01', %(now)s);
INSERT INTO sign_in_challenge (challenge_hash, purpose, username, made_at)
    VALUES ('\x01', 'sign_in', %(username)s, %(now)s);
INSERT INTO known_device (token_hash, username, created_at, seen_at)
    VALUES ('\x01', %(username)s, %(now)s, %(now)s);
INSERT INTO sign_in_link (link_hash, username, made_at, expires_at)
    VALUES ('\x01', %(username)s, %(now)s, %(now)s);
INSERT INTO api_token (token_hash, username, name, may_act, made_at, expires_at)
    VALUES (sha256('x'), %(username)s, %(words)s, true, %(now)s, %(now)s::timestamptz + interval '1 day');
INSERT INTO api_answer (username, idempotency_key, fingerprint, status, body, made_at)
    VALUES (%(username)s, 'x', '\x01', 200, %(words)s, %(now)s);
INSERT INTO admin_answer (username, idempotency_key, fingerprint, status, body, made_at)
    VALUES (%(username)s, 'x', '\x01', 200, %(words)s, %(now)s);
INSERT INTO api_answer (username, idempotency_key, fingerprint, status, body, made_at)
    SELECT min(username), 'of staff', '\x01', 200, %(words)s, %(now)s FROM sign_in WHERE staff_id IS NOT NULL;
INSERT INTO admin_answer (username, idempotency_key, fingerprint, status, body, made_at)
    SELECT min(username), 'of staff', '\x01', 200, %(words)s, %(now)s FROM sign_in WHERE staff_id IS NOT NULL;
INSERT INTO pairing_code (code_hash, device_id, made_by, made_at, expires_at)
    SELECT '\x01', device_id, (SELECT min(staff_id) FROM staff), %(now)s, %(now)s::timestamptz + interval '1 day'
    FROM device WHERE name = %(device)s;
INSERT INTO own_choice SELECT person_id, '12-15', %(now)s FROM person WHERE label = %(label)s;
INSERT INTO channel_off (person_id, channel, off_from, off_until)
    SELECT person_id, 'eda', '2020-01-01', '2020-01-02' FROM person WHERE label = %(label)s;
INSERT INTO check_in (person_id, day, at, face, going_well)
    SELECT person_id, '2026-01-01', %(now)s, 'okay', %(words)s FROM person WHERE label = %(label)s;
INSERT INTO data_request (person_id, kind, words, asked_at)
    SELECT person_id, 'question', %(words)s, %(now)s FROM person WHERE label = %(label)s;
INSERT INTO contact_log (person_id, staff_id, kind, at, note, written_at)
    SELECT person_id, (SELECT min(staff_id) FROM staff), 'spoke', %(now)s, %(said)s, %(now)s
    FROM person WHERE label = %(label)s;
INSERT INTO support_note (person_id, staff_id, worried, scale, written_at)
    SELECT person_id, (SELECT min(staff_id) FROM staff), %(said)s, 5, %(now)s
    FROM person WHERE label = %(label)s;
INSERT INTO admin_change (at, staff_id, kind, person_id, detail)
    SELECT %(now)s, (SELECT min(staff_id) FROM staff), 'person_enrolled', person_id, %(said)s
    FROM person WHERE label = %(label)s;
INSERT INTO agreement_text (version, body, set_at, set_by)
    SELECT 1, 'What is asked', %(now)s, min(staff_id) FROM staff;
INSERT INTO agreement (person_id, agreement_text_id, said_by, decision, decided_on, recorded_at, recorded_by)
    SELECT person_id, (SELECT min(agreement_text_id) FROM agreement_text), 'young_person', 'agreed',
           '2026-01-01', %(now)s, (SELECT min(staff_id) FROM staff) FROM person WHERE label = %(label)s;
INSERT INTO competence (person_id, outcome, judged_by, judged_on, review_on, recorded_at, recorded_by)
    SELECT person_id, 'can_decide', staff_id, '2026-01-01', '2027-01-01', %(now)s, staff_id
    FROM person, (SELECT min(staff_id) AS staff_id FROM staff) AS one WHERE label = %(label)s;
INSERT INTO sharing_preference (person_id, shares_with, recorded_at, recorded_by)
    SELECT person_id, '{clinician}', %(now)s, (SELECT min(staff_id) FROM staff)
    FROM person WHERE label = %(label)s;
INSERT INTO concern (person_id, kind, source, staff_id, level, note, at)
    SELECT person_id, 'raise', 'staff', (SELECT min(staff_id) FROM staff), 'check_today', %(worry)s, %(now)s
    FROM person WHERE label = %(label)s;
INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at)
    SELECT person_id, (SELECT min(staff_id) FROM staff), %(worry)s, '2026-01-01 12:00Z', '2026-01-01 16:00Z'
    FROM person WHERE label = %(label)s;

-- Once an alert was raised.
-- name: after_the_alert
INSERT INTO alert_action (alert_id, staff_id, kind, outcome, note, at)
    SELECT alert_id, (SELECT min(staff_id) FROM staff), 'close', 'support_given', %(said)s, %(now)s
    FROM alert WHERE person_id = (SELECT person_id FROM person WHERE label = %(label)s) LIMIT 1;
INSERT INTO delivery_receipt (channel, reference, status, received_at)
    SELECT 'sms', idempotency_key, 'delivered', %(now)s FROM delivery JOIN alert USING (alert_id)
    WHERE alert.person_id = (SELECT person_id FROM person WHERE label = %(label)s) LIMIT 1;
INSERT INTO receipt_intake (delivery_receipt_id, decided_at, reason)
    SELECT delivery_receipt_id, %(now)s, 'delivered' FROM delivery_receipt ON CONFLICT DO NOTHING;
