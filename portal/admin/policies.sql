-- Policies on the administrator's pages: what holds, what was uploaded, what trials found.

-- name: policies
SELECT policy.policy_id, policy.body, policy.valid_from, staff.display_name AS set_by
FROM policy LEFT JOIN staff ON staff.staff_id = policy.set_by
WHERE policy.name = 'alerts' AND policy.valid_from <= %(now)s
ORDER BY policy.valid_from DESC, policy.policy_id DESC
LIMIT 50;

-- name: policy
SELECT policy.policy_id, policy.body, policy.valid_from, staff.display_name AS set_by
FROM policy LEFT JOIN staff ON staff.staff_id = policy.set_by
WHERE policy.name = 'alerts' AND policy.policy_id = %(policy_id)s;

-- name: switch_on
INSERT INTO policy (name, body, valid_from, set_by)
VALUES ('alerts', %(body)s, %(now)s, %(staff_id)s)
ON CONFLICT (name, valid_from) DO NOTHING
RETURNING policy_id AS number;

-- name: names
SELECT staff.staff_id AS number, staff.display_name AS name FROM staff;

-- name: rota_names
SELECT rota_id AS number, name FROM rota;

-- name: add_draft
INSERT INTO policy_draft (kind, source, made_at, made_by)
VALUES (%(kind)s, %(source)s, %(now)s, %(staff_id)s)
RETURNING policy_draft_id AS number;

-- name: drafts
SELECT policy_draft.policy_draft_id, policy_draft.kind, policy_draft.source, policy_draft.made_at,
    staff.display_name AS made_by
FROM policy_draft JOIN staff ON staff.staff_id = policy_draft.made_by
WHERE %(policy_draft_id)s::integer IS NULL OR policy_draft.policy_draft_id = %(policy_draft_id)s
ORDER BY policy_draft.policy_draft_id DESC
LIMIT 20;

-- name: add_trial
INSERT INTO policy_trial (policy_draft_id, policy_id, kind, days, asked_at, asked_by, state)
VALUES (
    %(policy_draft_id)s, %(policy_id)s, %(kind)s, %(days)s, %(now)s, %(staff_id)s, 'waiting'
)
RETURNING policy_trial_id AS number;

-- name: trials
SELECT policy_trial.policy_trial_id, policy_trial.policy_draft_id, policy_trial.kind,
    policy_trial.days, policy_trial.asked_at, policy_trial.state, policy_trial.done,
    policy_trial.total, policy_trial.ended_at, policy_trial.lines, policy_trial.body
FROM policy_trial
WHERE policy_trial.policy_draft_id = %(policy_draft_id)s
   OR policy_trial.policy_trial_id = %(policy_trial_id)s
ORDER BY policy_trial.policy_trial_id DESC
LIMIT 20;

-- name: count_waiting
SELECT count(*) AS number FROM policy_trial
WHERE state IN ('waiting', 'running') AND asked_at > %(since)s;

-- name: beat
UPDATE policy_trial SET beat_at = %(now)s
WHERE policy_trial_id = %(policy_trial_id)s AND state = 'running';

-- A process that ended without an answer, or that nobody looks after any more.
-- name: give_up
UPDATE policy_trial
SET state = 'failed', ended_at = %(now)s, lines = ARRAY[%(words)s]
WHERE policy_trial_id = %(policy_trial_id)s AND state IN ('waiting', 'running');

-- name: give_up_old
UPDATE policy_trial
SET state = 'failed', ended_at = %(now)s, lines = ARRAY[%(words)s]
WHERE state IN ('waiting', 'running') AND coalesce(beat_at, asked_at) < %(before)s;
