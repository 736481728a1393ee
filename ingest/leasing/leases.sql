-- Leases on shards and the list of workers. `now` is always a parameter.

-- A shard is free when nobody holds it, when its lease ran out, or when it is ours from a life before.
-- name: take_shards
UPDATE shard SET owner = %(owner)s, epoch = epoch + 1, lease_until = %(until)s, listening_since = NULL
WHERE shard IN (
    SELECT shard FROM shard
    WHERE (owner IS NULL OR owner = %(owner)s OR lease_until < %(now)s) AND shard <> ALL (%(held)s::smallint[])
    ORDER BY shard LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
RETURNING shard, epoch;

-- name: renew_shards
UPDATE shard SET lease_until = %(until)s
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s;

-- name: say_listening
UPDATE shard SET listening_since = %(now)s
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s
  AND listening_since IS NULL;

-- name: give_back_shards
UPDATE shard SET owner = NULL, lease_until = NULL, listening_since = NULL
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s;

-- Our own slot from a life before, or else the lowest that nobody has.
-- name: claim_slot
UPDATE ingest_worker SET owner = %(owner)s, seen_until = %(until)s, has_session = true
WHERE slot = (
    SELECT slot FROM ingest_worker
    WHERE owner IS NULL OR owner = %(owner)s OR seen_until < %(now)s
    ORDER BY owner IS NOT DISTINCT FROM %(owner)s DESC, slot
    LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING slot;

-- name: renew_slot
UPDATE ingest_worker SET seen_until = %(until)s WHERE slot = %(slot)s AND owner = %(owner)s;

-- name: free_slot
UPDATE ingest_worker SET owner = NULL, seen_until = %(now)s WHERE slot = %(slot)s AND owner = %(owner)s;

-- name: count_workers
SELECT count(*) FROM ingest_worker WHERE has_session AND owner IS NOT NULL AND seen_until >= %(now)s;

-- A session at the broker whose worker has not come back. It is taken out of the list while its
-- session is ended, so that no worker comes into the slot meanwhile.
-- name: claim_left_session
UPDATE ingest_worker SET owner = %(owner)s, seen_until = %(until)s, has_session = false
WHERE slot = (
    SELECT slot FROM ingest_worker
    WHERE has_session AND seen_until < %(left_before)s
    ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING slot;
