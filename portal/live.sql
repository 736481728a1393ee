-- What happened to alerts, as far as an open page has to know.

-- name: listen
LISTEN tidewell_alert;

-- name: newest_event
SELECT newest_alert_event();

-- Numbers are given out before they are committed, so that a lower one may appear after a higher
-- one: the caller asks again from a little before what it knows and leaves out what it has sent.
-- name: events_after
SELECT alert_event_id, public_id, kind, staff_ids
FROM alert_events_after(%(after)s, %(now)s, %(limit)s);

-- name: missed_events
SELECT alert_event.alert_event_id, alert.public_id, alert_event.kind, ARRAY[%(staff_id)s] AS staff_ids
FROM alert_event
JOIN alert USING (alert_id)
WHERE (alert_event.alert_event_id > %(after)s OR alert_event.alert_event_id = ANY(%(late)s::bigint[]))
  AND staff_may_see(%(staff_id)s, alert.person_id, %(now)s)
ORDER BY alert_event.alert_event_id
LIMIT %(limit)s;
