-- Silences, outages of ours, and what devices said of themselves. `now` is always a parameter.

-- An older battery never replaces a newer one: a last will was written when the device connected.
-- name: save_device_words
INSERT INTO device_status AS known (device_id, online, changed_at, told_at, battery_percent, firmware, boot)
SELECT device.device_id, word.online, word.heard_at, word.told_at, word.battery, word.firmware, word.boot
FROM unnest(
    %(names)s::text[], %(online)s::boolean[], %(heard_at)s::timestamptz[], %(told_at)s::timestamptz[],
    %(battery)s::smallint[], %(firmware)s::text[], %(boot)s::integer[]
) AS word (name, online, heard_at, told_at, battery, firmware, boot)
JOIN device USING (name)
ORDER BY device.device_id
ON CONFLICT (device_id) DO UPDATE SET
    online = excluded.online,
    changed_at = CASE WHEN known.online = excluded.online THEN known.changed_at ELSE excluded.changed_at END,
    told_at = greatest(known.told_at, excluded.told_at),
    battery_percent = CASE
        WHEN excluded.told_at >= known.told_at THEN excluded.battery_percent ELSE known.battery_percent
    END,
    firmware = excluded.firmware,
    boot = excluded.boot
WHERE (known.online, known.firmware, known.boot) IS DISTINCT FROM (excluded.online, excluded.firmware, excluded.boot)
   OR excluded.told_at > known.told_at;

-- name: heard_until
SELECT shard, (extract(epoch FROM heard_until) * 1000)::bigint FROM shard WHERE shard = ANY (%(shards)s);

-- name: mark_heard
UPDATE shard SET heard_until = %(now)s WHERE shard = ANY (%(shards)s);

-- For these shards an outage is over; the others of the same one, which nobody hears yet, go on without them. "Nobody
-- at all is heard" was said of all its shards together, and is over with the first who is.
-- name: end_outages
WITH known AS (
    SELECT outage_id, began_at, reason, noticed_at,
           ARRAY(SELECT unnest(shards) INTERSECT SELECT unnest(%(shards)s::smallint[]) ORDER BY 1) AS heard,
           CASE WHEN NOT %(quiet)s
                THEN ARRAY(SELECT unnest(shards) EXCEPT SELECT unnest(%(shards)s::smallint[]) ORDER BY 1)
                ELSE '{}' END AS unheard
    FROM outage
    WHERE ended_at IS NULL AND shards && %(shards)s::smallint[] AND (reason = 'nobody_heard') = %(quiet)s
    FOR UPDATE
), part AS (
    INSERT INTO outage (shards, began_at, ended_at, reason, noticed_at)
    SELECT heard, began_at, greatest(began_at, %(now)s), reason, noticed_at FROM known
    WHERE cardinality(unheard) > 0
)
UPDATE outage SET
    shards = CASE WHEN cardinality(unheard) > 0 THEN unheard ELSE outage.shards END,
    ended_at = CASE WHEN cardinality(unheard) = 0 THEN greatest(outage.began_at, %(now)s) END
FROM known WHERE outage.outage_id = known.outage_id
RETURNING heard;

-- Of shards about which an outage of this kind is open already, nothing new is said.
-- name: add_outage
INSERT INTO outage (shards, began_at, ended_at, reason, noticed_at)
SELECT fresh.shards, %(began_at)s, %(ended_at)s, %(reason)s, %(now)s
FROM (
    SELECT ARRAY(
        SELECT unnest(%(shards)s::smallint[])
        EXCEPT
        SELECT unnest(shards) FROM outage
        WHERE ended_at IS NULL AND (reason = 'nobody_heard') = (%(reason)s = 'nobody_heard')
        ORDER BY 1
    ) AS shards
) AS fresh
WHERE cardinality(fresh.shards) > 0
RETURNING outage_id;

-- name: quiet_since
SELECT (extract(epoch FROM min(began_at)) * 1000)::bigint FROM outage
WHERE ended_at IS NULL AND shards && %(shards)s::smallint[] AND reason = 'nobody_heard';

-- name: devices_heard_between
SELECT count(DISTINCT device_cursor.device_id)
FROM device_cursor JOIN device_assignment USING (device_id) JOIN person USING (person_id)
WHERE person.shard = ANY (%(shards)s) AND device_cursor.last_received_at > %(first)s
  AND device_cursor.last_received_at <= %(last)s
  AND (device_assignment.valid_until IS NULL OR device_assignment.valid_until > %(first)s);

-- Who of these people has a reading at all.
-- name: ever_heard
SELECT person_id FROM unnest(%(people)s::integer[]) AS asked (person_id)
WHERE EXISTS (SELECT FROM reading WHERE reading.person_id = asked.person_id);

-- name: open_never_heard
SELECT episode.person_id, (extract(epoch FROM episode.opened_at) * 1000)::bigint, episode.explanation
FROM episode JOIN person USING (person_id)
WHERE episode.family = 'device' AND episode.strand = 'never_heard' AND episode.closed_at IS NULL
  AND person.shard = ANY (%(shards)s);

-- Episodes of devices that have no reason yet, with what was known when each was noticed.
-- name: unclassified_silences
SELECT episode.episode_id, episode.person_id, worn_by.device_id,
       coalesce(last.ended_at, worn_by.valid_from, episode.opened_at) AS silent_from,
       episode.opened_at, episode.closed_at,
       EXISTS (
           SELECT FROM pause
           WHERE pause.person_id = episode.person_id AND pause.paused_from <= episode.opened_at
             AND (pause.paused_until IS NULL OR pause.paused_until > episode.opened_at)
       ) AS is_paused,
       coalesce(worn_by.revoked_at <= episode.opened_at, false) AS is_revoked,
       worn_by.device_id IS NOT NULL
           AND coalesce(worn_by.valid_until > episode.opened_at, true) AS is_assigned,
       episode.closed_at IS NULL AND coalesce(heard.at > %(now)s::timestamptz - %(recent)s::interval, false)
           AND EXISTS (
               -- It began as a device that came off, which asks for nothing at first.
               SELECT FROM episode_event
               WHERE episode_event.episode_id = episode.episode_id AND episode_event.level = 'usual'
           ) AS still_comes,
       last.ended_at IS NOT NULL AS was_ever_heard,
       last.worn <> 0 AS last_worn,
       device_status.battery_percent,
       coalesce(NOT device_status.online, false) AS said_offline,
       EXISTS (
           SELECT FROM outage
           WHERE person.shard = ANY (outage.shards)
             AND outage.began_at - %(recent)s::interval <= coalesce(last.received_at, worn_by.valid_from)
             AND (outage.ended_at IS NULL OR outage.ended_at >= coalesce(last.received_at, worn_by.valid_from))
       ) AS fell_with_us
FROM episode JOIN person USING (person_id)
LEFT JOIN LATERAL (
    SELECT device_assignment.device_id, greatest(device_assignment.valid_from, device.created_at) AS valid_from,
           device_assignment.valid_until, device.revoked_at
    FROM device_assignment JOIN device USING (device_id)
    WHERE device_assignment.person_id = episode.person_id AND device_assignment.valid_from <= episode.opened_at
    ORDER BY device_assignment.valid_until DESC NULLS FIRST, device.revoked_at DESC NULLS FIRST,
             device_assignment.valid_from DESC
    LIMIT 1
) AS worn_by ON true
LEFT JOIN LATERAL (
    SELECT reading.time + make_interval(secs => reading.period_s) AS ended_at, reading.received_at, reading.worn
    FROM reading
    WHERE reading.person_id = episode.person_id AND reading.time <= episode.opened_at
      AND reading.received_at <= episode.opened_at
    ORDER BY reading.time DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT max(device_cursor.last_received_at) AS at FROM device_cursor
    WHERE device_cursor.device_id = worn_by.device_id
) AS heard ON true
LEFT JOIN device_status ON device_status.device_id = worn_by.device_id
WHERE person.shard = ANY (%(shards)s) AND episode.family = 'device' AND episode.level <> 'usual'
  AND episode.opened_at > %(since)s
  AND NOT EXISTS (SELECT FROM silence WHERE silence.episode_id = episode.episode_id)
ORDER BY episode.episode_id
LIMIT %(most)s;

-- name: add_silence
INSERT INTO silence (
    episode_id, person_id, device_id, silent_from, noticed_at, ended_at, reason, battery_percent, classified_at
)
VALUES (
    %(episode_id)s, %(person_id)s, %(device_id)s, least(%(silent_from)s::timestamptz, %(noticed_at)s::timestamptz),
    %(noticed_at)s::timestamptz,
    %(ended_at)s, %(reason)s, %(battery_percent)s, %(now)s
)
ON CONFLICT DO NOTHING;

-- name: end_silences
UPDATE silence SET ended_at = episode.closed_at
FROM episode JOIN person USING (person_id)
WHERE silence.settled_at IS NULL AND silence.ended_at IS NULL AND episode.episode_id = silence.episode_id
  AND episode.closed_at IS NOT NULL AND person.shard = ANY (%(shards)s);

-- Silences that have been over for a while, with what came for their minutes since.
-- name: unsettled_silences
SELECT silence.episode_id, silence.reason,
       (extract(epoch FROM silence.ended_at - silence.silent_from) / 60)::integer,
       (SELECT count(DISTINCT reading.time) FROM reading
        WHERE reading.person_id = silence.person_id AND reading.time >= silence.silent_from
          AND reading.time < silence.ended_at AND reading.worn IS DISTINCT FROM 0),
       (SELECT count(DISTINCT reading.time) FROM reading
        WHERE reading.person_id = silence.person_id AND reading.time >= silence.silent_from
          AND reading.time < silence.ended_at AND reading.worn = 0)
FROM silence JOIN person USING (person_id)
WHERE silence.settled_at IS NULL AND silence.ended_at <= %(ended_before)s AND person.shard = ANY (%(shards)s)
ORDER BY silence.episode_id
LIMIT %(most)s;

-- name: settle_silence
UPDATE silence SET reason = %(reason)s, settled_at = %(now)s WHERE episode_id = %(episode_id)s;
