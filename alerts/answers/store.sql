-- What people asked of an alert on the pages, folded into the alert.

-- name: listen
LISTEN tidewell_alert_action;

-- name: unfolded_actions
SELECT alert_action.alert_action_id, alert_action.alert_id
FROM alert_action
JOIN alert USING (alert_id)
WHERE alert_action.alert_action_id
        > coalesce((SELECT max(alert_event.alert_action_id) FROM alert_event), 0) - %(look_back)s
  AND alert_action.alert_action_id <> ALL (%(set_aside)s::bigint[])
  AND NOT EXISTS (
      SELECT FROM alert_event WHERE alert_event.alert_action_id = alert_action.alert_action_id
  )
ORDER BY alert_action.alert_action_id
LIMIT %(most)s;

-- name: action
SELECT alert_action.staff_id, alert_action.kind, alert_action.outcome, alert_action.note,
       alert_action.at,
       EXISTS (
           SELECT FROM assignment
           WHERE assignment.staff_id = alert_action.staff_id
             AND assignment.person_id = alert.person_id
             AND assignment.valid_from <= alert_action.at
             AND (assignment.valid_until IS NULL OR assignment.valid_until > alert_action.at)
       ) AS is_assigned
FROM alert_action
JOIN alert USING (alert_id)
WHERE alert_action.alert_action_id = %(alert_action_id)s
  AND NOT EXISTS (
      SELECT FROM alert_event WHERE alert_event.alert_action_id = alert_action.alert_action_id
  );

-- name: accept
UPDATE alert
SET state = 'accepted', accepted_by = %(staff_id)s, accepted_at = %(at)s, wake_at = NULL
WHERE alert_id = %(alert_id)s AND state IN ('raised', 'notified');

-- name: close
UPDATE alert
SET state = 'closed', closed_by = %(staff_id)s, closed_at = %(at)s, outcome = %(outcome)s,
    note = %(note)s, wake_at = NULL
WHERE alert_id = %(alert_id)s AND state <> 'closed';

-- name: withdraw_deliveries
UPDATE delivery
SET state = 'given_up', last_error = %(reason)s
WHERE alert_id = %(alert_id)s AND state = 'waiting'
RETURNING staff_id, channel;
