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
-- name: unhandled_episode_events
SELECT episode_event_id, episode_id
FROM episode_event
WHERE episode_event_id
        > coalesce((SELECT max(alert_intake.episode_event_id) FROM alert_intake), 0) - %(look_back)s
  AND episode_event_id <> ALL (%(set_aside)s::bigint[])
  AND NOT EXISTS (
      SELECT FROM alert_intake
      WHERE alert_intake.episode_event_id = episode_event.episode_event_id
  )
ORDER BY episode_event_id
LIMIT %(most)s;

-- name: lock_episode
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.alerts.episode', %(episode_id)s));

-- name: episode_event
SELECT episode_event.episode_event_id, episode_event.episode_id, episode_event.kind,
       episode_event.at, episode_event.level, episode_event.explanation,
       episode.person_id, episode.family, episode.opened_at, episode.closed_at
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

-- name: alert_of_episode
SELECT alert_id, public_id, person_id, state, level, raised_at, accepted_by, policy, wake_at
FROM alert
WHERE episode_id = %(episode_id)s
FOR UPDATE;

-- name: raise_alert
INSERT INTO alert (
    public_id, episode_id, person_id, cause, level, state, since, raised_at, explanation, policy,
    wake_at
)
VALUES (
    %(public_id)s, %(episode_id)s, %(person_id)s, %(cause)s, %(level)s, 'raised', %(since)s,
    %(now)s, %(explanation)s, %(policy)s, %(now)s
)
RETURNING alert_id, public_id, person_id, state, level, raised_at, accepted_by, policy, wake_at;

-- name: raise_level
UPDATE alert
SET level = %(level)s, explanation = %(explanation)s, state = 'raised', accepted_by = NULL,
    accepted_at = NULL, wake_at = %(now)s
WHERE alert_id = %(alert_id)s AND state <> 'closed'
RETURNING alert_id, public_id, person_id, state, level, raised_at, accepted_by, policy, wake_at;

-- name: mark_back_to_usual
UPDATE alert
SET back_to_usual_at = %(at)s
WHERE alert_id = %(alert_id)s AND state <> 'closed' AND back_to_usual_at IS NULL
RETURNING alert_id;
