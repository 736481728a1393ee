-- A person is more than numbers: a young person asks for a check-in, a practitioner or a carer is
-- worried. No score is asked about either of them.

-- What somebody asked or said. Written by the portal only, and never changed: who does not need it any
-- more writes another row.
CREATE TABLE concern (
    concern_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('raise', 'withdraw')),
    source text NOT NULL CHECK (source IN ('young_person', 'staff', 'carer')),
    staff_id integer,
    level text CHECK (level IN ('for_review', 'check_today', 'check_now')),
    choice text CHECK (choice IN ('talk', 'worried', 'unwell', 'device', 'in_person')),
    note text NOT NULL DEFAULT '' CHECK (char_length(note) <= 500),
    takes_it boolean NOT NULL DEFAULT false,
    withdraws bigint REFERENCES concern,
    at timestamptz NOT NULL,
    CHECK ((source = 'young_person') = (staff_id IS NULL)),
    CHECK ((source <> 'young_person' AND kind = 'raise') = (level IS NOT NULL)),
    CHECK ((source = 'young_person' AND kind = 'raise') = (choice IS NOT NULL)),
    CHECK ((kind = 'withdraw') = (withdraws IS NOT NULL)),
    CHECK (kind = 'raise' OR source = 'young_person'),
    CHECK (source <> 'young_person' OR note = ''),
    CHECK (NOT takes_it OR staff_id IS NOT NULL)
);
COMMENT ON COLUMN concern.takes_it IS 'Whoever is worried says "I''m on it" in the same breath';
CREATE INDEX concern_by_person ON concern (person_id, concern_id);
CREATE UNIQUE INDEX concern_withdrawn_once ON concern (withdraws);

-- What became of each: the proof that none was overlooked.
CREATE TABLE concern_intake (
    concern_id bigint PRIMARY KEY,
    decided_at timestamptz NOT NULL,
    reason text NOT NULL,
    alert_id bigint REFERENCES alert
);
CREATE INDEX concern_intake_by_alert ON concern_intake (alert_id);

-- What somebody asked has no episode; there is one open alert of each kind for a person.
CREATE UNIQUE INDEX alert_one_open_concern ON alert (person_id, cause)
    WHERE state <> 'closed' AND cause IN ('check_in_asked', 'worry');

-- The stretch in which the team is at work, or the next one, so that the pages can say truthfully
-- when somebody will look. No times: the policy knows no working hours.
CREATE TABLE working_stretch (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    begins_at timestamptz,
    ends_at timestamptz,
    reckoned_at timestamptz NOT NULL,
    CHECK ((begins_at IS NULL) = (ends_at IS NULL)),
    CHECK (ends_at > begins_at)
);

-- What a person asked for says nothing about a threshold: only measured changes are calibrated by
-- how they ended.
CREATE OR REPLACE VIEW outcome_for_detector AS
SELECT alert_event.alert_event_id, alert.person_id, alert.cause AS family, alert.outcome,
       coalesce(jsonb_typeof(alert.explanation -> 'limit') = 'object', false) AS is_plan_limit
FROM alert_event JOIN alert USING (alert_id)
WHERE alert_event.kind = 'closed' AND alert.outcome IS NOT NULL
  AND alert.cause NOT IN ('check_in_asked', 'worry');

GRANT SELECT, INSERT ON concern TO tidewell_portal;
GRANT SELECT ON concern_intake, working_stretch TO tidewell_portal;
GRANT SELECT ON concern TO tidewell_alerts;
GRANT SELECT, INSERT ON concern_intake TO tidewell_alerts;
GRANT SELECT, INSERT, UPDATE ON working_stretch TO tidewell_alerts;
