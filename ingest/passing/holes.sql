-- Holes that scoring does not wait for any more. `now` is always a parameter.

-- The boots of the worker's people in which scoring waits for a hole for too long, each with the last frame of
-- its last such hole.
-- A device is its last wearer's: their worker alone moves its cursor.
-- name: holes_due
SELECT frame_gap.device_id, frame_gap.boot, max(frame_gap.last_seq)
FROM frame_gap
WHERE state = 'waiting' AND passed_at IS NULL AND noticed_at <= %(noticed_before)s
  AND frame_gap.device_id <> ALL (%(held_back)s::integer[])
  AND (
      SELECT person.shard FROM device_assignment JOIN person USING (person_id)
      WHERE device_assignment.device_id = frame_gap.device_id
      ORDER BY device_assignment.valid_from DESC LIMIT 1
  ) = ANY (%(shards)s)
GROUP BY frame_gap.device_id, frame_gap.boot
ORDER BY min(noticed_at), frame_gap.device_id, frame_gap.boot
LIMIT %(most)s;

-- name: pass_holes
UPDATE frame_gap SET passed_at = %(now)s
WHERE device_id = %(device_id)s AND boot = %(boot)s AND state = 'waiting' AND passed_at IS NULL
  AND last_seq <= %(passed_upto)s;

-- Stretches of a boot that are scored now, though they came before.
-- name: save_scored_later
INSERT INTO scored_later (device_id, boot, first_seq, last_seq, kind, scored_at)
VALUES (%(device_id)s, %(boot)s, %(first)s, %(last)s, %(kind)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: widen_unscored_span
INSERT INTO unscored_span AS known (device_id, boot, first_time, last_time)
VALUES (%(device_id)s, %(boot)s, %(first_time)s, %(last_time)s)
ON CONFLICT (device_id, boot) DO UPDATE SET
    first_time = least(known.first_time, excluded.first_time),
    last_time = greatest(known.last_time, excluded.last_time);

-- name: forget_unscored_span
DELETE FROM unscored_span USING device_cursor AS known
WHERE unscored_span.device_id = %(device_id)s AND unscored_span.boot = %(boot)s
  AND known.device_id = unscored_span.device_id AND known.boot = unscored_span.boot
  AND known.scored_upto = known.highest;
