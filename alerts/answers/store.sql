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
       alert_action.at, alert_action.seen_level, alert_action.to_staff_id,
       alert_action.snooze_reason, alert_action.snooze_until,
       staff_may_see(alert_action.staff_id, alert.person_id, alert_action.at) AS may_act,
       EXISTS (
           SELECT FROM staff_at_work AS receiver
           JOIN staff_at_work AS giver ON giver.staff_id = alert_action.staff_id
           WHERE receiver.staff_id = alert_action.to_staff_id
             AND (receiver.left_at IS NULL OR receiver.left_at > alert_action.at)
             AND receiver.role IN ('practitioner', 'clinician')
             AND (
                 receiver.team_id = giver.team_id
                 OR staff_may_see(receiver.staff_id, alert.person_id, alert_action.at)
             )
       ) AS may_receiver_act
FROM alert_action
JOIN alert USING (alert_id)
WHERE alert_action.alert_action_id = %(alert_action_id)s
  AND NOT EXISTS (
      SELECT FROM alert_event WHERE alert_event.alert_action_id = alert_action.alert_action_id
  );

-- name: accept
UPDATE alert
SET state = 'accepted', accepted_by = %(staff_id)s, accepted_at = %(at)s, offered_to = NULL,
    snoozed_until = %(snoozed_until)s, snooze_reason = %(snooze_reason)s, wake_at = %(at)s
WHERE alert_id = %(alert_id)s AND state <> 'closed';

-- name: offer
UPDATE alert SET offered_to = %(to_staff_id)s
WHERE alert_id = %(alert_id)s AND state <> 'closed';

-- name: close
UPDATE alert
SET state = 'closed', closed_by = %(staff_id)s, closed_at = %(at)s, outcome = %(outcome)s,
    note = %(note)s, snoozed_until = NULL, snooze_reason = NULL, offered_to = NULL, wake_at = NULL
WHERE alert_id = %(alert_id)s AND state <> 'closed';
