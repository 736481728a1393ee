-- From what people ask to alerts. Whatever follows for a person and a kind of asking holds one lock.

-- name: listen
LISTEN tidewell_concern;

-- Who does not need it any more is heard after what they had asked for.
-- name: unhandled_concerns
SELECT concern.concern_id, concern.person_id, concern.source
FROM concern
WHERE concern.concern_id
        > coalesce((SELECT max(concern_intake.concern_id) FROM concern_intake), 0) - %(look_back)s
  AND concern.concern_id <> ALL (%(set_aside)s::bigint[])
  AND NOT EXISTS (
      SELECT FROM concern_intake
      WHERE concern_intake.concern_id = concern.concern_id
        AND concern_intake.concern_id
            > coalesce((SELECT max(concern_intake.concern_id) FROM concern_intake), 0) - %(look_back)s
  )
  AND (
      concern.withdraws IS NULL
      OR (SELECT true FROM concern_intake WHERE concern_intake.concern_id = concern.withdraws)
  )
ORDER BY concern.concern_id
LIMIT %(most)s;

-- name: lock_asking
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.alerts.' || %(asking)s, %(person_id)s));

-- name: concern
SELECT concern.concern_id, concern.person_id, concern.kind, concern.source, concern.staff_id,
       concern.level, concern.choice, concern.takes_it, concern.withdraws, concern.at,
       concern.staff_id IS NOT NULL
           AND staff_may_see(concern.staff_id, concern.person_id, concern.at) AS may_act
FROM concern
WHERE concern.concern_id = %(concern_id)s AND NOT EXISTS (
    SELECT FROM concern_intake WHERE concern_intake.concern_id = concern.concern_id
);

-- name: open_alert
SELECT alert_id, public_id, person_id, cause, state, level, raised_at, accepted_by, accepted_at,
    snoozed_until, offered_to, closed_at, outcome, policy, wake_at
FROM alert
WHERE person_id = %(person_id)s AND cause = %(asking)s AND state <> 'closed'
FOR UPDATE;

-- The alert that a request made or joined, as long as it is the same person's.
-- name: alert_of_request
SELECT alert.alert_id, alert.public_id, alert.person_id, alert.cause, alert.state, alert.level,
    alert.raised_at, alert.accepted_by, alert.accepted_at, alert.snoozed_until, alert.offered_to,
    alert.closed_at, alert.outcome, alert.policy, alert.wake_at
FROM concern_intake
JOIN alert USING (alert_id)
WHERE concern_intake.concern_id = %(withdraws)s AND alert.person_id = %(person_id)s
FOR UPDATE OF alert;

-- What an alert holds so far.
-- name: concerns_of_alert
SELECT concern.kind, concern.source, concern.level, concern.choice, concern.at
FROM concern
JOIN concern_intake USING (concern_id)
WHERE concern_intake.alert_id = %(alert_id)s
ORDER BY concern.concern_id;

-- name: raise_alert
INSERT INTO alert (
    public_id, person_id, cause, level, state, since, raised_at, explanation, policy, wake_at
)
VALUES (
    %(public_id)s, %(person_id)s, %(asking)s, %(level)s, 'raised', %(since)s, %(now)s,
    %(explanation)s, %(policy)s, %(now)s
)
RETURNING alert_id, public_id, person_id, cause, state, level, raised_at, accepted_by, accepted_at,
    snoozed_until, offered_to, closed_at, outcome, policy, wake_at;

-- name: raise_level
UPDATE alert
SET level = %(level)s, state = 'raised', accepted_by = NULL, accepted_at = NULL,
    snoozed_until = NULL, snooze_reason = NULL, offered_to = NULL, wake_at = %(now)s
WHERE alert_id = %(alert_id)s AND state <> 'closed'
RETURNING alert_id, public_id, person_id, cause, state, level, raised_at, accepted_by, accepted_at,
    snoozed_until, offered_to, closed_at, outcome, policy, wake_at;

-- name: explain
UPDATE alert SET explanation = %(explanation)s WHERE alert_id = %(alert_id)s;

-- name: record_intake
INSERT INTO concern_intake (concern_id, decided_at, reason, alert_id)
VALUES (%(concern_id)s, %(now)s, %(reason)s, %(alert_id)s);

-- name: tell_stretch
INSERT INTO working_stretch (begins_at, ends_at, has_duty_line, reckoned_at)
VALUES (%(begins_at)s, %(ends_at)s, %(has_duty_line)s, %(now)s)
ON CONFLICT (only_one) DO UPDATE
SET begins_at = excluded.begins_at, ends_at = excluded.ends_at,
    has_duty_line = excluded.has_duty_line, reckoned_at = excluded.reckoned_at;
