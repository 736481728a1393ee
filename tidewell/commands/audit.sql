-- The access log and its seals. A look is sealed within seconds; until then it waits.

-- name: see_one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: seals
SELECT access_seal.seal_number, access_seal.access_id, access_seal.hash,
    trunc(extract(epoch FROM access_log.at) * 1000000)::bigint AS at_us, access_log.person_id,
    access_log.staff_id, access_log.looked_at
FROM access_seal LEFT JOIN access_log USING (access_id)
ORDER BY access_seal.seal_number;

-- Entries that came in without passing by where they wait to be sealed, and waiting ones that went away.
-- name: unaccounted
SELECT access_id FROM access_log
WHERE NOT EXISTS (SELECT FROM access_seal WHERE access_seal.access_id = access_log.access_id)
  AND NOT EXISTS (SELECT FROM access_waiting WHERE access_waiting.access_id = access_log.access_id)
UNION ALL
SELECT access_id FROM access_waiting
WHERE NOT EXISTS (SELECT FROM access_log WHERE access_log.access_id = access_waiting.access_id)
ORDER BY access_id LIMIT 1;

-- name: waiting
SELECT count(*) FROM access_waiting;

-- name: head
SELECT seal_number, hash FROM access_seal ORDER BY seal_number DESC LIMIT 1;
