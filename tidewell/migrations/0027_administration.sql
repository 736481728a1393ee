-- What administrators do on their pages, who agreed to what, devices that are paired with a code, and
-- policies that are tried before they hold. Written in the role tidewell_enrol.

ALTER TABLE identity ADD COLUMN birth_month date CHECK (extract(day FROM birth_month) = 1);
COMMENT ON COLUMN identity.birth_month IS 'The first day of the month; the day of birth is not kept';

ALTER TABLE staff ADD COLUMN is_service_manager boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN staff.is_service_manager IS 'May see how alerts are doing, beside what their role shows them';

ALTER TABLE policy ADD COLUMN set_by integer REFERENCES staff;
COMMENT ON COLUMN policy.set_by IS 'The administrator who switched it on; none for the command line';

-- Every change by an administrator. Never a secret, an address or a word about how somebody is.
CREATE TABLE admin_change (
    admin_change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    staff_id integer NOT NULL REFERENCES staff,
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z_]{2,40}$'),
    person_id integer,
    about_staff_id integer,
    detail text NOT NULL DEFAULT '' CHECK (char_length(detail) <= 300)
);
CREATE INDEX admin_change_by_person ON admin_change (person_id, at) WHERE person_id IS NOT NULL;

-- A code that a device turns into its secret, once. Only its hash is here.
CREATE TABLE pairing_code (
    pairing_code_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code_hash bytea NOT NULL UNIQUE,
    device_id integer NOT NULL REFERENCES device,
    made_by integer NOT NULL REFERENCES staff,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    cancelled_at timestamptz,
    CHECK (expires_at > made_at),
    CHECK (num_nonnulls(used_at, cancelled_at) <= 1)
);
CREATE UNIQUE INDEX pairing_code_one_open ON pairing_code (device_id)
    WHERE used_at IS NULL AND cancelled_at IS NULL;

-- Why the organisation may do this at all. A change is another row.
CREATE TABLE lawful_basis (
    lawful_basis_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    basis text NOT NULL CHECK (basis IN (
        'public_task', 'legal_obligation', 'vital_interests', 'legitimate_interests', 'consent'
    )),
    nation text NOT NULL CHECK (nation IN ('england', 'wales', 'northern_ireland', 'scotland')),
    explanation text NOT NULL CHECK (char_length(explanation) BETWEEN 1 AND 2000),
    review_on date NOT NULL,
    set_at timestamptz NOT NULL,
    set_by integer NOT NULL REFERENCES staff
);

-- What young people and parents are asked to agree to. A new version asks everybody again.
CREATE TABLE agreement_text (
    agreement_text_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version integer NOT NULL UNIQUE CHECK (version >= 1),
    body text NOT NULL CHECK (char_length(body) BETWEEN 1 AND 8000),
    set_at timestamptz NOT NULL,
    set_by integer NOT NULL REFERENCES staff
);

-- What somebody said to it. Nothing is changed: who changes their mind says it in another row.
CREATE TABLE agreement (
    agreement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL REFERENCES person ON DELETE CASCADE,
    agreement_text_id integer NOT NULL REFERENCES agreement_text,
    said_by text NOT NULL CHECK (said_by IN ('young_person', 'parent')),
    decision text NOT NULL CHECK (decision IN ('agreed', 'declined', 'withdrawn')),
    decided_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by integer NOT NULL REFERENCES staff
);
CREATE INDEX agreement_by_person ON agreement (person_id, agreement_id);

-- Whether a young person can decide for themselves: somebody's judgement, with a day to look again.
CREATE TABLE competence (
    competence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL REFERENCES person ON DELETE CASCADE,
    outcome text NOT NULL CHECK (outcome IN ('can_decide', 'needs_parent')),
    judged_by integer NOT NULL REFERENCES staff,
    judged_on date NOT NULL,
    review_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by integer NOT NULL REFERENCES staff,
    CHECK (review_on > judged_on)
);
CREATE INDEX competence_by_person ON competence (person_id, competence_id);

-- With whom a young person agreed to share, beside their key worker.
CREATE TABLE sharing_preference (
    sharing_preference_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL REFERENCES person ON DELETE CASCADE,
    shares_with text[] NOT NULL CHECK (shares_with <@ ARRAY['clinician', 'parent', 'school']),
    recorded_at timestamptz NOT NULL,
    recorded_by integer NOT NULL REFERENCES staff
);
CREATE INDEX sharing_preference_by_person ON sharing_preference (person_id, sharing_preference_id);

-- A policy that somebody uploaded, and what came out when it was tried. A trial runs in a process of
-- its own, which writes its progress and its end here.
CREATE TABLE policy_draft (
    policy_draft_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('alerts', 'detection')),
    source text NOT NULL CHECK (octet_length(source) <= 65536),
    made_at timestamptz NOT NULL,
    made_by integer NOT NULL REFERENCES staff
);

CREATE TABLE policy_trial (
    policy_trial_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    policy_draft_id integer REFERENCES policy_draft,
    policy_id integer REFERENCES policy,
    kind text NOT NULL CHECK (kind IN ('check', 'simulate', 'backtest')),
    days integer CHECK (days BETWEEN 1 AND 366),
    asked_at timestamptz NOT NULL,
    asked_by integer NOT NULL REFERENCES staff,
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'passed', 'refused', 'failed')),
    done integer NOT NULL DEFAULT 0,
    total integer NOT NULL DEFAULT 0,
    beat_at timestamptz,
    ended_at timestamptz,
    lines text[] NOT NULL DEFAULT '{}',
    body jsonb,
    CHECK (num_nonnulls(policy_draft_id, policy_id) = 1),
    CHECK ((kind = 'check') = (days IS NULL)),
    CHECK ((ended_at IS NULL) = (state IN ('waiting', 'running')))
);
CREATE INDEX policy_trial_by_draft ON policy_trial (policy_draft_id);

GRANT SELECT, INSERT ON admin_change, lawful_basis, agreement_text, agreement, competence,
    sharing_preference, policy_draft TO tidewell_enrol;
GRANT SELECT, INSERT, UPDATE ON pairing_code, policy_trial TO tidewell_enrol;
GRANT SELECT ON device_cursor TO tidewell_enrol;
GRANT EXECUTE ON FUNCTION arrange_cover, end_cover TO tidewell_enrol;

-- No page of anybody else reads these: the portal's role has no right to them, and their rows are guarded
-- like every row about a person.
DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY['admin_change', 'agreement', 'competence', 'sharing_preference']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format(
            'CREATE POLICY works_on_everybody ON %I'
            ' TO tidewell_ingest, tidewell_alerts, tidewell_enrol, CURRENT_USER USING (true) WITH CHECK (true)',
            guarded
        );
    END LOOP;
END
$$;

-- An administrator opens the page of somebody whom they are not assigned to; that look is written down too.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc WHERE proname = 'viewer_is_admin') THEN
        CREATE POLICY looked_as_administrator ON access_log FOR INSERT TO tidewell_portal
            WITH CHECK (staff_id = (SELECT viewer_staff_id()) AND (SELECT viewer_is_admin()));
    END IF;
END
$$;
