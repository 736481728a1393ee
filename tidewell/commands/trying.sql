-- A policy that somebody wants to try from the pages. `now` is a parameter.

-- name: claim
UPDATE policy_trial SET state = 'running', beat_at = %(now)s
FROM policy_trial AS asked
LEFT JOIN policy_draft ON policy_draft.policy_draft_id = asked.policy_draft_id
LEFT JOIN policy ON policy.policy_id = asked.policy_id
WHERE policy_trial.policy_trial_id = %(policy_trial_id)s AND policy_trial.state = 'waiting'
  AND asked.policy_trial_id = policy_trial.policy_trial_id
RETURNING policy_trial.kind, policy_trial.days,
    coalesce(policy_draft.kind, 'alerts') AS about, policy_draft.source, policy.body;

-- name: progress
UPDATE policy_trial SET done = %(done)s, total = %(total)s, beat_at = %(now)s
WHERE policy_trial_id = %(policy_trial_id)s;

-- name: end
UPDATE policy_trial
SET state = %(state)s, lines = %(lines)s, body = %(body)s, ended_at = %(now)s, done = total
WHERE policy_trial_id = %(policy_trial_id)s AND state = 'running';
