-- Everything that ingest asks of the database. `now` is always a parameter.

-- name: registry_version
SELECT sum(version)::bigint FROM registry_version;

-- name: devices
SELECT device.name, device.device_id, device.revoked_at IS NOT NULL,
       device.model, device_assignment.person_id,
       (extract(epoch FROM device_assignment.valid_from) * 1000)::bigint,
       (extract(epoch FROM device_assignment.valid_until) * 1000)::bigint,
       (extract(epoch FROM device.created_at) * 1000)::bigint
FROM device LEFT JOIN device_assignment USING (device_id)
ORDER BY device.device_id, device_assignment.valid_from;

-- name: people
SELECT person_id, shard, timezone FROM person ORDER BY person_id;

-- name: pauses
SELECT person_id,
       (extract(epoch FROM paused_from) * 1000)::bigint,
       (extract(epoch FROM paused_until) * 1000)::bigint
FROM pause ORDER BY person_id, paused_from;

-- name: channels_off
SELECT person_id, channel,
       (extract(epoch FROM off_from) * 1000)::bigint,
       (extract(epoch FROM off_until) * 1000)::bigint
FROM channel_off ORDER BY person_id, off_from;

-- name: cursors
SELECT device_id, boot, upto, highest, scored_upto FROM device_cursor
WHERE (device_id, boot) IN (SELECT * FROM unnest(%(devices)s::integer[], %(boots)s::integer[]));

-- name: gaps
SELECT device_id, boot, first_seq, last_seq, passed_at IS NOT NULL FROM frame_gap
WHERE state = 'waiting'
  AND (device_id, boot) IN (SELECT * FROM unnest(%(devices)s::integer[], %(boots)s::integer[]))
ORDER BY device_id, boot, first_seq;

-- name: give_up_when_idle
SELECT set_config('idle_in_transaction_session_timeout', %(most)s, false);

-- name: insert_dead_letter
INSERT INTO dead_letter (
    received_at, topic, device_id, boot, seq, reason, detail, whole_frame, payload, payload_bytes, payload_hash
)
VALUES (
    %(received_at)s, %(topic)s, %(device_id)s, %(boot)s, %(seq)s, %(reason)s, %(detail)s, %(whole_frame)s,
    %(payload)s, %(payload_bytes)s, %(payload_hash)s
)
ON CONFLICT DO NOTHING;

-- In the order of the key: two workers that touch the same boots cannot wait for each other.
-- name: save_cursors
INSERT INTO device_cursor AS known (
    device_id, boot, upto, highest, scored_upto, frames_committed, frames_dead_lettered, frames_repeated,
    first_received_at, last_received_at
)
SELECT device_id, boot, upto, highest, scored_upto, committed, dead_lettered, repeated,
       %(now)s::timestamptz, %(now)s::timestamptz
FROM unnest(
    %(devices)s::integer[], %(boots)s::integer[], %(upto)s::bigint[], %(highest)s::bigint[],
    %(scored_upto)s::bigint[], %(committed)s::bigint[], %(dead_lettered)s::bigint[], %(repeated)s::bigint[]
) AS moved (device_id, boot, upto, highest, scored_upto, committed, dead_lettered, repeated)
ORDER BY device_id, boot
ON CONFLICT (device_id, boot) DO UPDATE SET
    upto = excluded.upto,
    highest = excluded.highest,
    scored_upto = excluded.scored_upto,
    frames_committed = known.frames_committed + excluded.frames_committed,
    frames_dead_lettered = known.frames_dead_lettered + excluded.frames_dead_lettered,
    frames_repeated = known.frames_repeated + excluded.frames_repeated,
    last_received_at = excluded.last_received_at;

-- name: clear_gaps
DELETE FROM frame_gap WHERE device_id = %(device_id)s AND boot = %(boot)s AND state = 'waiting'
RETURNING first_seq, last_seq, noticed_at, passed_at;

-- name: save_gap
INSERT INTO frame_gap (device_id, boot, first_seq, last_seq, state, noticed_at, passed_at)
VALUES (%(device_id)s, %(boot)s, %(first)s, %(last)s, %(state)s, %(noticed_at)s, %(passed_at)s)
ON CONFLICT (device_id, boot, first_seq) DO UPDATE SET last_seq = excluded.last_seq, state = excluded.state;

-- Readings of frames that came before the hole below them was filled. A moment later than the last one comes
-- from a clock that was ahead and was set back; such readings count as received now. A boot without a span has
-- nothing that waits.
-- name: copy_held_readings
COPY (
    SELECT person_id, time, device_id, period_s, boot, seq, least(received_at, %(latest)s::timestamptz),
           coalesce(heart_rate, 'NaN'), coalesce(hrv_rmssd, 'NaN'), coalesce(skin_temperature, 'NaN'),
           coalesce(eda, 'NaN'), coalesce(steps, 'NaN'), coalesce(spo2, 'NaN'),
           coalesce(respiratory_rate, 'NaN'), coalesce(motion, 'NaN'), coalesce(sleep_state, 'NaN'),
           coalesce(worn, 'NaN')
    FROM reading
    WHERE person_id = ANY (%(people)s) AND device_id = %(device_id)s AND boot = %(boot)s
      AND seq > %(after)s AND seq <= %(upto)s
      AND time >= (SELECT first_time FROM unscored_span WHERE device_id = %(device_id)s AND boot = %(boot)s)
      AND time <= (SELECT last_time FROM unscored_span WHERE device_id = %(device_id)s AND boot = %(boot)s)
    ORDER BY seq, time
) TO STDOUT (FORMAT binary);

-- The readings that a detector has to see again, in the order in which they were scored: a frame was scored
-- when it and all before it had come or were passed by; one that fills a hole which was passed, as it came. One
-- from before a clock was set back says a moment later than the last one, which tells only its place among such.
-- Where it waited, it was scored with the frame that filled the hole below it, and was not received after that,
-- whatever a clock that was ahead had said.
-- name: copy_scored_readings
COPY (
    SELECT person_id, time, device_id, period_s, boot, seq,
           CASE WHEN came_at > %(latest)s::timestamptz THEN scored_at ELSE came_at END,
           coalesce(heart_rate, 'NaN'), coalesce(hrv_rmssd, 'NaN'), coalesce(skin_temperature, 'NaN'),
           coalesce(eda, 'NaN'), coalesce(steps, 'NaN'), coalesce(spo2, 'NaN'),
           coalesce(respiratory_rate, 'NaN'), coalesce(motion, 'NaN'), coalesce(sleep_state, 'NaN'),
           coalesce(worn, 'NaN'), scored_at
    FROM (
        SELECT reading.*, came.at AS came_at,
               CASE WHEN later.kind = 'hole_passed' THEN known.received_at
                    ELSE max(greatest(known.received_at, known.scored_at))
                         FILTER (WHERE later.kind IS DISTINCT FROM 'hole_passed') OVER below
               END AS known_at,
               CASE WHEN later.kind = 'hole_passed' THEN came.at
                    ELSE max(greatest(came.at, later.scored_at))
                         FILTER (WHERE later.kind IS DISTINCT FROM 'hole_passed') OVER below
               END AS said_at
        FROM reading JOIN device_cursor USING (device_id, boot) JOIN person USING (person_id)
        LEFT JOIN LATERAL (
            SELECT kind, last_seq, scored_at FROM scored_later
            WHERE scored_later.device_id = reading.device_id AND scored_later.boot = reading.boot
              AND scored_later.first_seq <= reading.seq
            ORDER BY first_seq DESC LIMIT 1
        ) AS later ON reading.seq <= later.last_seq
        CROSS JOIN LATERAL (
            SELECT CASE later.kind WHEN 'waited' THEN least(reading.received_at, later.scored_at)
                                   ELSE reading.received_at END AS at
        ) AS came
        CROSS JOIN LATERAL (
            SELECT CASE WHEN came.at <= %(latest)s::timestamptz THEN came.at END AS received_at,
                   CASE WHEN later.scored_at <= %(latest)s::timestamptz THEN later.scored_at END AS scored_at
        ) AS known
        LEFT JOIN unnest(%(shards)s::smallint[], %(devices)s::integer[], %(boots)s::integer[], %(seen)s::bigint[])
            AS snapshot (shard, device_id, boot, seen_upto) USING (shard, device_id, boot)
        WHERE reading.person_id = ANY (%(people)s) AND reading.received_at >= %(received_from)s
          AND reading.seq <= device_cursor.scored_upto
          AND (
              snapshot.seen_upto IS NULL OR reading.seq > snapshot.seen_upto
              OR EXISTS (
                  SELECT FROM unnest(
                      %(hole_shards)s::smallint[], %(hole_devices)s::integer[], %(hole_boots)s::integer[],
                      %(hole_firsts)s::bigint[], %(hole_lasts)s::bigint[]
                  ) AS hole (shard, device_id, boot, first_seq, last_seq)
                  WHERE hole.shard = person.shard AND hole.device_id = reading.device_id
                    AND hole.boot = reading.boot AND reading.seq BETWEEN hole.first_seq AND hole.last_seq
              )
          )
        WINDOW below AS (PARTITION BY reading.device_id, reading.boot ORDER BY reading.seq)
    ) AS scored
    CROSS JOIN LATERAL (SELECT coalesce(known_at, %(received_from)s::timestamptz)) AS moment (scored_at)
    ORDER BY scored_at, CASE WHEN known_at IS NULL THEN said_at END, device_id, boot, seq, time
) TO STDOUT (FORMAT binary);

-- A day may come again, when readings for it came late.
-- name: save_day
INSERT INTO daily_feature (
    person_id, day,
    night_heart_rate, resting_heart_rate, night_hrv_rmssd, night_skin_temperature,
    night_respiratory_rate, night_spo2, heart_rate_per_step, circadian_amplitude, circadian_phase_h,
    sleep_minutes, sleep_efficiency, sleep_onset_h, sleep_regularity,
    steps, longest_still_minutes, first_activity_h, eda_level, aroused_minutes,
    worn_minutes, usual, score, family_scores, family, level, detector_version
)
VALUES (
    %(person_id)s, %(day)s,
    %(night_heart_rate)s, %(resting_heart_rate)s, %(night_hrv_rmssd)s, %(night_skin_temperature)s,
    %(night_respiratory_rate)s, %(night_spo2)s, %(heart_rate_per_step)s, %(circadian_amplitude)s, %(circadian_phase_h)s,
    %(sleep_minutes)s, %(sleep_efficiency)s, %(sleep_onset_h)s, %(sleep_regularity)s,
    %(steps)s, %(longest_still_minutes)s, %(first_activity_h)s, %(eda_level)s, %(aroused_minutes)s,
    %(worn_minutes)s, %(usual)s, %(score)s, %(family_scores)s::real[], %(family)s, %(level)s, %(detector_version)s
)
ON CONFLICT (person_id, day) DO UPDATE SET
    night_heart_rate = excluded.night_heart_rate,
    resting_heart_rate = excluded.resting_heart_rate,
    night_hrv_rmssd = excluded.night_hrv_rmssd,
    night_skin_temperature = excluded.night_skin_temperature,
    night_respiratory_rate = excluded.night_respiratory_rate,
    night_spo2 = excluded.night_spo2,
    heart_rate_per_step = excluded.heart_rate_per_step,
    circadian_amplitude = excluded.circadian_amplitude,
    circadian_phase_h = excluded.circadian_phase_h,
    sleep_minutes = excluded.sleep_minutes,
    sleep_efficiency = excluded.sleep_efficiency,
    sleep_onset_h = excluded.sleep_onset_h,
    sleep_regularity = excluded.sleep_regularity,
    steps = excluded.steps,
    longest_still_minutes = excluded.longest_still_minutes,
    first_activity_h = excluded.first_activity_h,
    eda_level = excluded.eda_level,
    aroused_minutes = excluded.aroused_minutes,
    worn_minutes = excluded.worn_minutes,
    usual = excluded.usual,
    score = excluded.score,
    family_scores = excluded.family_scores,
    family = excluded.family,
    level = excluded.level,
    detector_version = excluded.detector_version;

-- An open episode that the detector no longer knows (another version, another setting) ends here.
-- name: close_unknown_episode
UPDATE episode SET closed_at = greatest(opened_at, %(opened_at)s)
WHERE person_id = %(person_id)s AND family = %(family)s AND strand = %(strand)s
  AND closed_at IS NULL AND opened_at <> %(opened_at)s;

-- An open episode of a limit that is not in the plan any more ends here; its alert stays with people.
-- name: close_episodes_of_former_limits
UPDATE episode SET closed_at = greatest(opened_at, %(now)s)
WHERE person_id = %(person_id)s AND strand LIKE 'limit %%' AND strand <> ALL (%(strands)s::text[])
  AND closed_at IS NULL;

-- An episode keeps the words and the score of its last open day; its end is told by its last event.
-- name: save_episode
INSERT INTO episode (
    person_id, family, strand, opened_at, closed_at, level, score, explanation, detector_version
)
VALUES (
    %(person_id)s, %(family)s, %(strand)s, %(opened_at)s, %(closed_at)s, %(level)s, %(score)s, %(explanation)s,
    %(detector_version)s
)
ON CONFLICT (person_id, family, strand, opened_at) DO UPDATE SET
    closed_at = excluded.closed_at, level = excluded.level,
    score = CASE WHEN excluded.closed_at IS NULL THEN excluded.score ELSE episode.score END,
    explanation = CASE WHEN excluded.closed_at IS NULL THEN excluded.explanation ELSE episode.explanation END
RETURNING episode_id;

-- name: add_episode_event
INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)
VALUES (%(episode_id)s, %(kind)s, %(at)s, %(now)s, %(level)s, %(score)s, %(explanation)s)
ON CONFLICT DO NOTHING;

-- name: wake_alerts
SELECT pg_notify('tidewell_episode_event', '');

-- name: load_snapshots
SELECT shard, taken_at, cursors, state FROM detector_snapshot
WHERE shard = ANY (%(shards)s) AND detector_version = %(detector_version)s;

-- name: snapshot_cursors
SELECT device_assignment.person_id, device_cursor.device_id, device_cursor.boot, device_cursor.scored_upto,
       (SELECT min(noticed_at) FROM frame_gap
        WHERE frame_gap.device_id = device_cursor.device_id AND frame_gap.boot = device_cursor.boot
          AND frame_gap.state = 'waiting' AND frame_gap.passed_at IS NULL)
FROM device_cursor JOIN device_assignment USING (device_id)
WHERE device_assignment.person_id = ANY (%(people)s);

-- Holes that scoring passed and whose frames may still come, after the snapshot.
-- name: snapshot_holes
SELECT DISTINCT device_id, boot, first_seq, last_seq
FROM frame_gap JOIN device_assignment USING (device_id)
WHERE device_assignment.person_id = ANY (%(people)s)
  AND frame_gap.state = 'waiting' AND frame_gap.passed_at IS NOT NULL
ORDER BY device_id, boot, first_seq;

-- name: save_snapshot
INSERT INTO detector_snapshot (shard, taken_at, detector_version, cursors, state)
VALUES (%(shard)s, %(taken_at)s, %(detector_version)s, %(cursors)s, %(state)s)
ON CONFLICT (shard) DO UPDATE SET
    taken_at = excluded.taken_at, detector_version = excluded.detector_version,
    cursors = excluded.cursors, state = excluded.state;

-- Where moments were set back, what comes above a hole comes before the moment at which the hole was noticed.
-- name: notice_gaps_from
UPDATE frame_gap SET noticed_at = %(now)s::timestamptz
WHERE state = 'waiting' AND noticed_at > %(now)s::timestamptz AND device_id IN (
    SELECT device_assignment.device_id FROM device_assignment JOIN person USING (person_id)
    WHERE person.shard = ANY (%(shards)s)
);

-- Nobody was heard at a time that has not come; doctor and the reasons of silences go by this.
-- name: hear_devices_by_now
UPDATE device_cursor SET last_received_at = %(now)s::timestamptz
WHERE last_received_at > %(now)s::timestamptz AND device_id IN (
    SELECT device_assignment.device_id FROM device_assignment JOIN person USING (person_id)
    WHERE person.shard = ANY (%(shards)s)
);

-- Where moments were set back, also a snapshot that could not be replaced is followed by all that comes.
-- name: replay_from
UPDATE detector_snapshot SET cursors = jsonb_set(cursors, '{replay_from}', to_jsonb(%(now)s::text))
WHERE shard = ANY (%(shards)s) AND (cursors ->> 'replay_from')::timestamptz > %(now)s::timestamptz;

-- Where moments were set back, a reading may be of yesterday again for which hours are made.
-- name: hours_made_to
UPDATE hours_upto SET upto = date_bin('1 day', %(now)s::timestamptz, TIMESTAMPTZ '2000-01-01 00:00Z') - interval '24 hours'
WHERE upto > date_bin('1 day', %(now)s::timestamptz, TIMESTAMPTZ '2000-01-01 00:00Z') - interval '24 hours'
  AND person_id IN (SELECT person_id FROM person WHERE shard = ANY (%(shards)s));

-- Boots with stored readings that the detector has not seen: a batch whose scoring failed. A device is its last
-- wearer's: their worker alone moves its cursor.
-- name: unscored
SELECT device_cursor.device_id, device_cursor.boot, device_cursor.scored_upto, scorable.upto
FROM device_cursor
CROSS JOIN LATERAL (
    SELECT coalesce(min(first_seq) - 1, device_cursor.highest) AS upto FROM frame_gap
    WHERE frame_gap.device_id = device_cursor.device_id AND frame_gap.boot = device_cursor.boot
      AND frame_gap.state = 'waiting' AND frame_gap.passed_at IS NULL
) AS scorable
WHERE device_cursor.scored_upto < device_cursor.highest AND device_cursor.scored_upto < scorable.upto
  AND (
      SELECT person_id FROM device_assignment
      WHERE device_assignment.device_id = device_cursor.device_id
      ORDER BY valid_from DESC LIMIT 1
  ) = ANY (%(people)s)
ORDER BY device_cursor.device_id, device_cursor.boot;

-- name: mark_scored
UPDATE device_cursor SET scored_upto = %(scored_upto)s WHERE device_id = %(device_id)s AND boot = %(boot)s;

-- Notes that the detector has not heard, and that were not taken back before it could.
-- name: unheard_notes
SELECT context_note_id, person_id, kind, first_day, last_day
FROM note_for_detector JOIN person USING (person_id)
WHERE person.shard = ANY (%(shards)s)
  AND context_note_id
        > coalesce((SELECT max(source_id) FROM detector_signal WHERE detector_signal.kind = 'note'), 0) - %(look_back)s
  AND NOT EXISTS (
      SELECT FROM detector_signal
      WHERE detector_signal.kind = 'note' AND detector_signal.source_id = context_note_id
  )
ORDER BY context_note_id
LIMIT %(most)s;

-- Notes that were heard, and taken back since; not where another note says the same of the same days.
-- name: unheard_notes_taken_back
SELECT taken_back.context_note_id, taken_back.person_id, taken_back.kind, first_day, last_day
FROM note_taken_back_for_detector AS taken_back
JOIN person USING (person_id)
JOIN detector_signal AS told
    ON told.kind = 'note' AND told.source_id = context_note_id AND told.verdict = 'applied'
WHERE person.shard = ANY (%(shards)s)
  AND NOT EXISTS (
      SELECT FROM detector_signal
      WHERE detector_signal.kind = 'note_taken_back' AND detector_signal.source_id = context_note_id
  )
  AND NOT EXISTS (
      SELECT FROM note_for_detector AS same
      WHERE (same.person_id, same.kind, same.first_day, same.last_day)
          = (taken_back.person_id, taken_back.kind, taken_back.first_day, taken_back.last_day)
  )
ORDER BY context_note_id
LIMIT %(most)s;

-- name: unheard_outcomes
SELECT alert_event_id, person_id, family, outcome, is_plan_limit
FROM outcome_for_detector JOIN person USING (person_id)
WHERE person.shard = ANY (%(shards)s)
  AND alert_event_id
        > coalesce((SELECT max(source_id) FROM detector_signal WHERE detector_signal.kind = 'outcome'), 0) - %(look_back)s
  AND NOT EXISTS (
      SELECT FROM detector_signal
      WHERE detector_signal.kind = 'outcome' AND detector_signal.source_id = alert_event_id
  )
ORDER BY alert_event_id
LIMIT %(most)s;

-- name: plan_limits
SELECT person_id, channel, direction, value, for_minutes, level, while_resting
FROM plan_limit JOIN person USING (person_id)
WHERE person.shard = ANY (%(shards)s)
ORDER BY person_id, slot;

-- name: latest_states
SELECT DISTINCT ON (person_id, kind) person_id, kind, content
FROM detector_signal JOIN person USING (person_id)
WHERE person.shard = ANY (%(shards)s) AND kind IN ('limits', 'device_model')
ORDER BY person_id, kind, signal_id DESC;

-- name: save_signal
INSERT INTO detector_signal (person_id, kind, source_id, heard_at, content, verdict)
VALUES (%(person_id)s, %(kind)s, %(source_id)s, %(now)s, %(content)s, %(verdict)s);

-- What a detector has to be told again, in the order in which it was heard.
-- name: applied_signals
SELECT (extract(epoch FROM heard_at) * 1000)::bigint, person_id, kind, source_id, content, signal_id
FROM detector_signal
WHERE person_id = ANY (%(people)s) AND signal_id > %(heard_upto)s AND verdict = 'applied'
ORDER BY signal_id;

-- name: last_signal
SELECT coalesce(max(signal_id), 0) FROM detector_signal WHERE person_id = ANY (%(people)s);
