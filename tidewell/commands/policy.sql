-- The policy of alerts, its people, and the alerts that it is tried on. `now` is a parameter.

-- name: staff_at_work
SELECT sign_in.username, sign_in.staff_id
FROM sign_in
WHERE sign_in.staff_id IS NOT NULL
  AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > %(now)s)
ORDER BY sign_in.username;

-- name: rotas
SELECT name, rota_id FROM rota ORDER BY name;

-- name: save
INSERT INTO policy (name, body, valid_from) VALUES ('alerts', %(body)s, %(now)s);

-- name: past_alerts
SELECT alert.person_id, alert.level, alert.raised_at,
    (
        SELECT min(alert_event.at) FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id
          AND alert_event.kind IN ('accepted', 'snoozed', 'closed')
    ) AS answered_at,
    (
        SELECT min(alert_event.at) FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id AND alert_event.kind = 'notification_queued'
    ) AS told_at,
    (
        SELECT count(*) FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id AND alert_event.kind = 'notification_queued'
    ) AS people_asked
FROM alert
WHERE alert.raised_at >= %(since)s AND alert.person_id <> 0
ORDER BY alert.alert_id;
