-- Notices to the people who run the service. `now` is always a parameter.

-- name: lock_notices
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.alerts.operations', 0));

-- Since when a shard is not heard, or nobody is though we listen, and the latest outage of that kind that is over. A
-- shard that nobody ever heard is one of a site that has not begun.
-- name: trouble
SELECT least(
           (SELECT min(heard_until) FROM shard WHERE heard_until < %(stale)s AND %(about)s = 'not_hearing'),
           (SELECT min(began_at) FROM outage
            WHERE ended_at IS NULL AND (reason = 'nobody_heard') = (%(about)s = 'nobody_heard'))
       ),
       missed.began_at, missed.ended_at
FROM (SELECT) AS always
LEFT JOIN (
    SELECT began_at, ended_at FROM outage
    WHERE ended_at IS NOT NULL AND ended_at - began_at >= %(lasting)s::interval
      AND (reason = 'nobody_heard') = (%(about)s = 'nobody_heard')
    ORDER BY ended_at DESC LIMIT 1
) AS missed ON true;

-- Since when the auditor leaves something unrepaired, or has not looked: nobody was sure of alerts since then.
-- A site whose auditor never looked has not begun.
-- name: trouble_of_alerts
SELECT CASE
        WHEN newest.at < %(missed)s THEN newest.at
        ELSE (
            SELECT min(run.at) FROM auditor_run AS run
            WHERE run.heartbeat = 'not_repaired' AND run.auditor_run_id > coalesce((
                SELECT well.auditor_run_id FROM auditor_run AS well
                WHERE well.heartbeat IS DISTINCT FROM 'not_repaired'
                ORDER BY well.auditor_run_id DESC LIMIT 1
            ), 0)
        )
    END, NULL::timestamptz, NULL::timestamptz
FROM (SELECT) AS always
LEFT JOIN (SELECT at FROM auditor_run ORDER BY auditor_run_id DESC LIMIT 1) AS newest ON true;

-- name: last_notice
SELECT operations_notice_id, began_at, ended_at FROM operations_notice WHERE about = %(about)s
ORDER BY operations_notice_id DESC LIMIT 1;

-- name: raise_notice
INSERT INTO operations_notice (about, began_at, noticed_at, ended_at, is_afterwards)
VALUES (%(about)s, %(began_at)s, %(now)s, %(ended_at)s, %(is_afterwards)s)
RETURNING operations_notice_id;

-- name: end_notice
UPDATE operations_notice SET ended_at = greatest(began_at, %(now)s) WHERE operations_notice_id = %(notice)s;

-- name: open_notice_again
UPDATE operations_notice SET ended_at = NULL WHERE operations_notice_id = %(notice)s;

-- name: admins
SELECT staff_id FROM staff WHERE role = 'admin' ORDER BY staff_id;

-- name: addresses_of_admins
SELECT staff_id, channel, address FROM staff_address
WHERE staff_id = ANY (%(staff_ids)s) AND NOT is_dead AND created_at <= %(now)s
  AND (disabled_at IS NULL OR disabled_at > %(now)s);

-- name: queue_notice
INSERT INTO operations_delivery (
    operations_notice_id, staff_id, channel, address, idempotency_key, state, attempt_at
)
VALUES (%(notice)s, %(staff_id)s, %(channel)s, %(address)s, %(idempotency_key)s, 'waiting', %(now)s)
ON CONFLICT (idempotency_key) DO NOTHING;

-- What another process has claimed comes back when its lease has ended.
-- name: claim_notices
UPDATE operations_delivery AS due
SET lease_until = %(lease_until)s, attempts = attempts + 1
FROM operations_notice AS notice
WHERE notice.operations_notice_id = due.operations_notice_id
  AND due.operations_delivery_id IN (
      SELECT operations_delivery_id FROM operations_delivery
      WHERE state = 'waiting' AND attempt_at <= %(now)s AND (lease_until IS NULL OR lease_until <= %(now)s)
      ORDER BY operations_delivery_id LIMIT %(most)s FOR UPDATE SKIP LOCKED
  )
RETURNING due.operations_delivery_id, due.operations_notice_id, due.staff_id, due.channel, due.address,
          due.idempotency_key, due.attempts, notice.noticed_at, notice.is_afterwards, notice.about;

-- name: mark_notice
UPDATE operations_delivery
SET state = %(state)s, attempt_at = %(attempt_at)s, last_error = %(error)s, lease_until = NULL,
    handed_over_at = CASE WHEN %(state)s = 'handed_over' THEN %(now)s ELSE handed_over_at END
WHERE operations_delivery_id = %(delivery)s AND state = 'waiting';
