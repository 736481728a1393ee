-- What detection knows of a day and of a person: all features of a day, what people told it, the
-- limits of an agreed plan, and in which place among the readings each of these was heard.

ALTER TABLE daily_feature
    ADD COLUMN resting_heart_rate real,
    ADD COLUMN night_hrv_rmssd real,
    ADD COLUMN night_skin_temperature real,
    ADD COLUMN night_respiratory_rate real,
    ADD COLUMN night_spo2 real,
    ADD COLUMN heart_rate_per_step real,
    ADD COLUMN circadian_amplitude real,
    ADD COLUMN circadian_phase_h real,
    ADD COLUMN sleep_minutes real,
    ADD COLUMN sleep_efficiency real,
    ADD COLUMN sleep_onset_h real,
    ADD COLUMN sleep_regularity real,
    ADD COLUMN longest_still_minutes real,
    ADD COLUMN first_activity_h real,
    ADD COLUMN eda_level real,
    ADD COLUMN aroused_minutes real,
    ADD COLUMN family_scores real[];
COMMENT ON COLUMN daily_feature.family_scores IS
    'Illness, sleep, withdrawal, acute load, drift, device; 1 = for review, NULL = not scorable';

-- Several changes of one family may last at once: that of whole days, one of minutes, and one for each
-- limit of a plan. Each is an episode of its own strand.
ALTER TABLE episode ADD COLUMN strand text NOT NULL DEFAULT 'days';
ALTER TABLE episode DROP CONSTRAINT episode_person_id_family_opened_at_key;
ALTER TABLE episode ADD UNIQUE (person_id, family, strand, opened_at);
DROP INDEX episode_one_open;
CREATE UNIQUE INDEX episode_one_open ON episode (person_id, family, strand) WHERE closed_at IS NULL;
COMMENT ON COLUMN episode.strand IS 'days, minutes, or "limit" with what the plan says; a device has days only';

-- What a young person or a practitioner said about some days. Written by the portal only.
CREATE TABLE context_note (
    context_note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('ill', 'exams', 'holiday', 'someone_else', 'other')),
    first_day date NOT NULL,
    last_day date NOT NULL,
    own_words text NOT NULL DEFAULT '',
    staff_id integer,
    created_at timestamptz NOT NULL,
    removed_at timestamptz,
    CHECK (last_day >= first_day),
    CHECK (last_day - first_day < 62)
);
COMMENT ON COLUMN context_note.own_words IS 'For the people who read the page; ingest cannot read it';
COMMENT ON COLUMN context_note.staff_id IS 'Who wrote it; NULL means the young person';
COMMENT ON COLUMN context_note.removed_at IS 'Its writer took it back; own_words is emptied then';
CREATE INDEX context_note_by_person ON context_note (person_id, first_day);

-- The hard limits of the plan that was agreed with a person. Written by the command line only.
CREATE TABLE plan_limit (
    person_id integer NOT NULL REFERENCES person,
    slot smallint NOT NULL CHECK (slot BETWEEN 0 AND 3),
    channel text NOT NULL CHECK (channel IN (
        'heart_rate', 'hrv_rmssd', 'skin_temperature', 'eda', 'steps', 'spo2', 'respiratory_rate',
        'motion', 'sleep_state', 'worn'
    )),
    direction text NOT NULL CHECK (direction IN ('above', 'below')),
    value real NOT NULL CHECK (value > '-Infinity' AND value < 'Infinity'),
    for_minutes smallint NOT NULL CHECK (for_minutes BETWEEN 0 AND 1440),
    level text NOT NULL CHECK (level IN ('for_review', 'check_today', 'check_now')),
    while_resting boolean NOT NULL,
    agreed_on date NOT NULL,
    set_by integer NOT NULL REFERENCES staff,
    set_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, slot)
);
COMMENT ON COLUMN plan_limit.while_resting IS 'Only readings with no movement in the ten minutes before count';

-- What the detector was told between two batches of readings, in the order in which it took effect;
-- `heard_at` is its place among the `received_at` of readings. Written by ingest only.
CREATE TABLE detector_signal (
    signal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('note', 'limits', 'outcome', 'device_model')),
    source_id bigint,
    heard_at timestamptz NOT NULL,
    content jsonb NOT NULL,
    verdict text NOT NULL,
    UNIQUE (kind, source_id)
);
COMMENT ON COLUMN detector_signal.source_id IS 'Note or alert event that it came from; NULL for a state that was compared';
CREATE INDEX detector_signal_by_person ON detector_signal (person_id, kind, signal_id);

-- Ingest reads what concerns detection and nothing that anybody wrote in words.
CREATE VIEW note_for_detector AS
SELECT context_note_id, person_id, kind, first_day, last_day
FROM context_note
WHERE removed_at IS NULL;

CREATE VIEW outcome_for_detector AS
SELECT alert_event.alert_event_id, alert.person_id, alert.cause AS family, alert.outcome,
       coalesce(jsonb_typeof(alert.explanation -> 'limit') = 'object', false) AS is_plan_limit
FROM alert_event JOIN alert USING (alert_id)
WHERE alert_event.kind = 'closed' AND alert.outcome IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON context_note TO tidewell_portal;
GRANT SELECT, INSERT, UPDATE, DELETE ON plan_limit TO tidewell_enrol;
GRANT SELECT ON plan_limit, note_for_detector, outcome_for_detector TO tidewell_ingest;
GRANT SELECT, INSERT ON detector_signal TO tidewell_ingest;
GRANT SELECT ON plan_limit, detector_signal TO tidewell_portal;
