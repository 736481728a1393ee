-- From episodes to people. Written by alerts only.

-- An alert is a piece of work with an owner, not a message.
CREATE TABLE alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id text NOT NULL UNIQUE,
    episode_id bigint UNIQUE,
    person_id integer NOT NULL,
    cause text NOT NULL,
    level text NOT NULL CHECK (level IN ('for_review', 'check_today', 'check_now')),
    state text NOT NULL CHECK (state IN ('raised', 'notified', 'accepted', 'closed')),
    since timestamptz NOT NULL,
    raised_at timestamptz NOT NULL,
    recipient_staff_id integer,
    accepted_by integer,
    accepted_at timestamptz,
    back_to_usual_at timestamptz,
    closed_by integer,
    closed_at timestamptz,
    outcome text,
    note text,
    explanation jsonb NOT NULL,
    policy jsonb NOT NULL,
    wake_at timestamptz,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (state <> 'accepted' OR accepted_by IS NOT NULL)
);
COMMENT ON COLUMN alert.policy IS 'The policy as it was when the alert was raised; later changes do not reach it';
COMMENT ON COLUMN alert.wake_at IS 'When the policy has to be asked again';
CREATE INDEX alert_by_person ON alert (person_id);
CREATE INDEX alert_open ON alert (person_id) WHERE state <> 'closed';
CREATE INDEX alert_wake ON alert (wake_at) WHERE wake_at IS NOT NULL;

-- Everything that ever happened to an alert, in order, in words that people use.
CREATE TABLE alert_event (
    alert_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    reason text NOT NULL,
    staff_id integer,
    alert_action_id bigint UNIQUE,
    detail text NOT NULL DEFAULT ''
);
CREATE INDEX alert_event_by_alert ON alert_event (alert_id, alert_event_id);

-- What became of each episode event: the proof that none was overlooked.
CREATE TABLE alert_intake (
    episode_event_id bigint PRIMARY KEY,
    decided_at timestamptz NOT NULL,
    reason text NOT NULL,
    alert_id bigint REFERENCES alert
);

-- A message to one address. The row is there before the message leaves; the mark comes after.
CREATE TABLE delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert,
    staff_id integer NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN ('waiting', 'handed_over', 'given_up')),
    attempts integer NOT NULL DEFAULT 0,
    attempt_at timestamptz NOT NULL,
    lease_owner text,
    lease_until timestamptz,
    handed_over_at timestamptz,
    last_error text
);
CREATE INDEX delivery_by_alert ON delivery (alert_id);
CREATE INDEX delivery_due ON delivery (attempt_at) WHERE state = 'waiting';

CREATE TABLE auditor_run (
    auditor_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    alerts_checked integer NOT NULL,
    violations integer NOT NULL,
    repaired integer NOT NULL
);
