-- What the process that runs a site asks.

-- name: heard_shards
SELECT count(*) FROM shard WHERE listening_since IS NOT NULL AND lease_until > %(now)s;

-- Of what was measured: the demo's past holds what people asked for.
-- name: handed_over
SELECT count(*) FROM delivery JOIN alert USING (alert_id)
WHERE delivery.state = 'handed_over' AND alert.episode_id IS NOT NULL;

-- name: frame_counts
SELECT coalesce(sum(frames_committed), 0)::bigint, coalesce(sum(frames_dead_lettered), 0)::bigint
FROM device_cursor;

-- name: reading_count
SELECT count(*) FROM reading;

-- name: alert_count
SELECT count(*) FROM alert WHERE episode_id IS NOT NULL;
