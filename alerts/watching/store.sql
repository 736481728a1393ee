-- Whose turn it is to look, the probe, and figures for a monitoring system. `now` is always a parameter.

-- A turn that is further ahead than a clock of the next process can be was taken by a clock that was wrong.
-- name: take_turn_to_look
UPDATE alert_watch SET looked_at = %(now)s
WHERE looked_at IS NULL OR looked_at <= %(before)s OR looked_at > %(ahead)s
RETURNING looked_at;

-- name: take_turn_to_probe
UPDATE alert_watch SET probed_at = %(now)s
WHERE probed_at IS NULL OR probed_at <= %(before)s OR probed_at > %(ahead)s
RETURNING probed_at;

-- name: open_probe
SELECT alert.alert_id, alert.raised_at,
    (
        SELECT min(delivery.handed_over_at) FROM delivery
        WHERE delivery.alert_id = alert.alert_id AND delivery.state = 'handed_over'
    ) AS arrived_at
FROM alert
WHERE alert.person_id = 0 AND alert.cause = 'probe' AND alert.state <> 'closed'
ORDER BY alert.alert_id
LIMIT 1;

-- name: raise_probe
INSERT INTO alert (
    public_id, person_id, cause, level, state, since, raised_at, explanation, policy, wake_at
)
VALUES (
    %(public_id)s, 0, 'probe', 'check_now', 'raised', %(now)s, %(now)s, '{}', %(policy)s, %(now)s
)
RETURNING alert_id;

-- name: close_probe
UPDATE alert SET state = 'closed', closed_at = %(now)s, wake_at = NULL
WHERE alert_id = %(alert_id)s AND person_id = 0 AND state <> 'closed';

-- name: forget_probes
SELECT forget_probes(%(before)s);

-- name: figures
SELECT open.alerts AS alerts_open, open.unaccepted AS alerts_unaccepted,
    run.at AS audited_at, run.violations, run.heartbeat, run.probe_seconds
FROM (
    SELECT count(*) AS alerts, count(*) FILTER (WHERE state <> 'accepted') AS unaccepted
    FROM alert WHERE state <> 'closed' AND person_id <> 0
) AS open
LEFT JOIN (
    SELECT at, violations, heartbeat, probe_seconds FROM auditor_run
    ORDER BY auditor_run_id DESC LIMIT 1
) AS run ON true;
