-- From episode events to alerts. Whatever follows from an episode first locks the episode.

-- name: listen
LISTEN tidewell_episode_event;

-- name: site_policy
SELECT body
FROM policy
WHERE name = 'alerts' AND valid_from <= %(now)s
ORDER BY valid_from DESC
LIMIT 1;

-- The range above what was handled last keeps this cheap; `look_back` covers numbers that were
-- given out early and committed late, and a full look with a large one comes round each minute.
-- The bound stands twice, so that neither table is read from its beginning.
-- name: unhandled_episode_events
SELECT episode_event_id, episode_id, person_id, family
FROM episode_event
JOIN episode USING (episode_id)
WHERE episode_event_id
        > coalesce((SELECT max(alert_intake.episode_event_id) FROM alert_intake), 0) - %(look_back)s
  AND episode_event_id <> ALL (%(set_aside)s::bigint[])
  AND NOT EXISTS (
      SELECT FROM alert_intake
      WHERE alert_intake.episode_event_id = episode_event.episode_event_id
        AND alert_intake.episode_event_id
            > coalesce((SELECT max(alert_intake.episode_event_id) FROM alert_intake), 0) - %(look_back)s
  )
ORDER BY episode_event_id
LIMIT %(most)s;

-- name: lock_cause
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.alerts.' || %(family)s, %(person_id)s));

-- name: episode_event
SELECT episode_event.episode_event_id, episode_event.episode_id, episode_event.kind,
       episode_event.at, episode_event.recorded_at, episode_event.level, episode_event.explanation,
       episode.person_id, episode.family, episode.strand, episode.opened_at, episode.closed_at
FROM episode_event
JOIN episode USING (episode_id)
WHERE episode_event.episode_event_id = %(episode_event_id)s
  AND NOT EXISTS (
      SELECT FROM alert_intake
      WHERE alert_intake.episode_event_id = episode_event.episode_event_id
  );

-- name: record_intake
INSERT INTO alert_intake (episode_event_id, decided_at, reason, alert_id)
VALUES (%(episode_event_id)s, %(now)s, %(reason)s, %(alert_id)s);

-- The alert that is open for the same person and cause, else the one that came last. A limit of the
-- plan is a cause of its own (`strand`). An alert that a person raised has no episode and stays apart.
-- name: alert_of_cause
SELECT alert.alert_id, alert.public_id, alert.person_id, alert.cause, alert.state, alert.level,
    alert.raised_at, alert.accepted_by, alert.accepted_at, alert.snoozed_until, alert.offered_to,
    alert.closed_at, alert.outcome, alert.policy, alert.wake_at
FROM alert
JOIN episode AS source USING (episode_id)
WHERE alert.person_id = %(person_id)s AND alert.cause = %(family)s AND source.strand = %(strand)s
ORDER BY alert.state = 'closed', alert.alert_id DESC
LIMIT 1
FOR UPDATE OF alert;

-- Whether an alert was raised for an episode, or its repeats joined it.
-- name: is_of_episode
SELECT EXISTS (
    SELECT FROM alert_intake
    JOIN episode_event USING (episode_event_id)
    WHERE alert_intake.alert_id = %(alert_id)s AND episode_event.episode_id = %(episode_id)s
);

-- name: raise_alert
INSERT INTO alert (
    public_id, episode_id, person_id, cause, level, state, since, raised_at, explanation, policy,
    wake_at, former_alert_id
)
VALUES (
    %(public_id)s, %(episode_id)s, %(person_id)s, %(cause)s, %(level)s, 'raised', %(since)s,
    %(now)s, %(explanation)s, %(policy)s, %(now)s, %(former_alert_id)s
)
RETURNING alert_id, public_id, person_id, cause, state, level, raised_at, accepted_by, accepted_at,
    snoozed_until, offered_to, closed_at, outcome, policy, wake_at;

-- name: raise_level
UPDATE alert
SET level = %(level)s, explanation = %(explanation)s, state = 'raised', accepted_by = NULL,
    accepted_at = NULL, snoozed_until = NULL, snooze_reason = NULL, offered_to = NULL,
    back_to_usual_at = NULL, wake_at = %(now)s
WHERE alert_id = %(alert_id)s AND state <> 'closed'
RETURNING alert_id, public_id, person_id, cause, state, level, raised_at, accepted_by, accepted_at,
    snoozed_until, offered_to, closed_at, outcome, policy, wake_at;

-- Only once every episode that joined the alert is over.
-- name: mark_back_to_usual
UPDATE alert
SET back_to_usual_at = %(at)s
WHERE alert_id = %(alert_id)s AND state <> 'closed' AND back_to_usual_at IS NULL
  AND NOT EXISTS (
      SELECT FROM alert_intake
      JOIN episode_event USING (episode_event_id)
      JOIN episode USING (episode_id)
      WHERE alert_intake.alert_id = alert.alert_id AND episode.closed_at IS NULL
        AND episode.episode_id <> %(episode_id)s
  )
RETURNING alert_id;

-- name: mark_changed_again
UPDATE alert SET back_to_usual_at = NULL
WHERE alert_id = %(alert_id)s AND state <> 'closed' AND back_to_usual_at IS NOT NULL
RETURNING alert_id;
