-- Leases on shards and the list of workers.
--
-- Here, and nowhere else, the database is asked for the time. A lease is a promise between machines: with a
-- clock each, the one that is ahead takes what is held, and leaves what nobody may take when it dies. The
-- moments of batches (`now`) are parameters as everywhere.

-- A shard is free when nobody holds it, when its lease ran out, or when it is ours from a life before. A lease
-- that ends later than any lease can was written before the database's clock was set back: it holds nobody.
-- All that are still ours come at once, however many: until the lease ends nobody else could take them.
-- name: take_shards
UPDATE shard SET owner = %(owner)s, epoch = epoch + 1, lease_until = clock_timestamp() + %(lease)s::interval, listening_since = NULL
WHERE shard IN (
    SELECT shard FROM shard
    WHERE (owner IS NULL OR owner = %(owner)s OR lease_until < clock_timestamp()
           OR lease_until > clock_timestamp() + %(longest)s::interval)
      AND shard <> ALL (%(held)s::smallint[])
    ORDER BY owner IS NOT DISTINCT FROM %(owner)s DESC, shard
    LIMIT greatest(
        %(most)s,
        (SELECT count(*) FROM shard AS known WHERE known.owner = %(owner)s AND known.shard <> ALL (%(held)s::smallint[]))
    )
    FOR UPDATE SKIP LOCKED
)
RETURNING shard, epoch, (extract(epoch FROM last_moment) * 1000)::bigint;

-- Shards that ought to be free by now and were not taken: somebody's transaction holds their rows.
-- name: count_overdue
SELECT count(*) FROM shard
WHERE lease_until < clock_timestamp() AND shard <> ALL (%(held)s::smallint[]);

-- PostgreSQL shows and ends the sessions of one login to that login, not to the role it works as.
-- name: as_our_login
SELECT set_config('role', 'none', true);

-- Sessions whose client was to send or to take something for a whole lease, as in the midst of a COPY. No time-out
-- of PostgreSQL ends them there. What one of them began is undone, and its frames were not acknowledged.
-- name: end_stuck_sessions
SELECT count(*) FROM (
    SELECT pg_terminate_backend(pid) AS is_ended FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %(application)s AND pid <> pg_backend_pid()
      AND state = 'active' AND wait_event IN ('ClientRead', 'ClientWrite')
      AND query_start < clock_timestamp() - %(lease)s::interval
) AS stuck
WHERE is_ended;

-- name: renew_shards
UPDATE shard SET lease_until = clock_timestamp() + %(lease)s::interval, last_moment = greatest(last_moment, %(now)s)
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s;

-- name: set_moments_back
UPDATE shard SET last_moment = %(now)s
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s;

-- name: say_listening
UPDATE shard SET listening_since = clock_timestamp()
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s
  AND listening_since IS NULL;

-- name: give_back_shards
UPDATE shard SET owner = NULL, lease_until = NULL, listening_since = NULL
FROM unnest(%(shards)s::smallint[], %(epochs)s::bigint[]) AS held (shard, epoch)
WHERE shard.shard = held.shard AND shard.epoch = held.epoch AND shard.owner = %(owner)s;

-- Our own slot from a life before, or else the lowest that nobody has.
-- name: claim_slot
UPDATE ingest_worker SET owner = %(owner)s, seen_until = clock_timestamp() + %(lease)s::interval, has_session = true
WHERE slot = (
    SELECT slot FROM ingest_worker
    WHERE owner IS NULL OR owner = %(owner)s OR seen_until < clock_timestamp()
       OR seen_until > clock_timestamp() + %(longest)s::interval
    ORDER BY owner IS NOT DISTINCT FROM %(owner)s DESC, slot
    LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING slot, (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: renew_slot
UPDATE ingest_worker SET seen_until = clock_timestamp() + %(lease)s::interval WHERE slot = %(slot)s AND owner = %(owner)s
RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint;

-- name: free_slot
UPDATE ingest_worker SET owner = NULL, seen_until = clock_timestamp() WHERE slot = %(slot)s AND owner = %(owner)s;

-- name: count_workers
SELECT count(*) FROM ingest_worker
WHERE has_session AND owner IS NOT NULL
  AND seen_until BETWEEN clock_timestamp() AND clock_timestamp() + %(longest)s::interval;

-- A session at the broker whose worker has not come back. It is taken out of the list while its
-- session is ended, so that no worker comes into the slot meanwhile. Whoever was to end it and did not is
-- followed by another once its lease is over.
-- name: claim_left_session
UPDATE ingest_worker SET owner = %(owner)s, seen_until = clock_timestamp() + %(lease)s::interval, has_session = false
WHERE slot = (
    SELECT slot FROM ingest_worker
    WHERE (has_session AND seen_until < clock_timestamp() - %(left_after)s::interval)
       OR (NOT has_session AND owner IS NOT NULL AND seen_until < clock_timestamp())
    ORDER BY slot LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING slot;

-- name: note_session_ended
UPDATE ingest_worker SET owner = NULL WHERE slot = %(slot)s AND owner = %(owner)s AND NOT has_session;
