-- What a run asks and writes besides the service itself. `now` is always a parameter.

-- name: set_limit
INSERT INTO plan_limit (
    person_id, slot, channel, direction, value, for_minutes, level, while_resting, agreed_on, set_by, set_at
)
VALUES (
    %(person_id)s, 0, 'heart_rate', 'above', %(value)s, %(for_minutes)s, 'check_now', false, %(agreed_on)s,
    %(set_by)s, %(now)s
);

-- name: set_policy
INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %(body)s, %(valid_from)s);

-- name: accept
INSERT INTO alert_action (alert_id, staff_id, kind, note, at)
SELECT alert_id, %(staff_id)s, 'accept', '', %(now)s FROM alert
WHERE public_id = %(public_id)s AND NOT EXISTS (
    SELECT FROM alert_action WHERE alert_action.alert_id = alert.alert_id
);

-- name: hint_at_accept
SELECT pg_notify('tidewell_alert_action', '');

-- name: is_accepted
SELECT state IN ('accepted', 'closed') FROM alert WHERE public_id = %(public_id)s;

-- name: committed_upto
SELECT upto FROM device_cursor JOIN device USING (device_id) WHERE name = %(device)s AND boot = %(boot)s;

-- Who holds shards, and how many.
-- name: holders
SELECT owner, count(*)::integer FROM shard WHERE owner IS NOT NULL GROUP BY owner ORDER BY owner;

-- name: shards_not_heard
SELECT count(*)::integer FROM shard WHERE listening_since IS NULL;

-- Alerts that nobody has accepted, and messages that wait for somebody to be told.
-- name: unsettled
SELECT (SELECT count(*) FROM alert WHERE state NOT IN ('accepted', 'closed') AND person_id <> 0)::integer,
       (SELECT count(*) FROM delivery JOIN alert USING (alert_id)
        WHERE delivery.state = 'waiting' AND alert.state IN ('raised', 'notified')
          AND alert.person_id <> 0)::integer;

-- name: backend_of_port
SELECT pid FROM pg_stat_activity WHERE client_port = %(port)s;

-- name: backends
SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tidewell %%' ORDER BY pid;

-- name: terminate
SELECT pg_terminate_backend(%(pid)s);
