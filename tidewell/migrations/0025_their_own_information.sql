-- What young people decide about their own information: how they are spoken to, what of their device is
-- not used, how a day was in their own words, and what they ask to be shown, corrected or deleted.
-- Written by the portal only.

-- How somebody wants to be spoken to, where they chose it; `person.reading_level` holds until then.
CREATE TABLE own_choice (
    person_id integer PRIMARY KEY,
    reading_level text NOT NULL CHECK (reading_level IN ('8-11', '12-15', '16-18')),
    changed_at timestamptz NOT NULL
);

-- A channel that its young person does not want to be used: what the device sends of it in between is not kept.
-- A row is never deleted, so that a late reading of that time is dropped too.
CREATE TABLE channel_off (
    channel_off_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    channel text NOT NULL CHECK (channel IN (
        'heart_rate', 'hrv_rmssd', 'skin_temperature', 'eda', 'steps', 'spo2', 'respiratory_rate',
        'motion', 'sleep_state'
    )),
    off_from timestamptz NOT NULL,
    off_until timestamptz,
    CHECK (off_until > off_from)
);
COMMENT ON COLUMN channel_off.channel IS 'Not `worn`: it says nothing about the person, and without it a gap looks like a fault';
CREATE INDEX channel_off_by_person ON channel_off (person_id, off_from);
CREATE UNIQUE INDEX channel_off_once ON channel_off (person_id, channel) WHERE off_until IS NULL;

INSERT INTO registry_version (part, version) VALUES ('channel_off', 0);
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON channel_off
FOR EACH STATEMENT EXECUTE FUNCTION note_registry_change();

-- How a young person says that they are. It is no score: nothing is reckoned from it, and no detector reads it.
-- Neither a face nor words: they skipped it, and that is as good an answer.
CREATE TABLE check_in (
    check_in_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    day date NOT NULL,
    at timestamptz NOT NULL,
    face text CHECK (face IN ('great', 'good', 'okay', 'not_great', 'bad')),
    going_well text NOT NULL DEFAULT '' CHECK (char_length(going_well) <= 1000),
    worries text NOT NULL DEFAULT '' CHECK (char_length(worries) <= 1000),
    hopes text NOT NULL DEFAULT '' CHECK (char_length(hopes) <= 1000),
    read_soon boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN check_in.day IS 'The day on the clock of the young person';
COMMENT ON COLUMN check_in.read_soon IS 'They asked that somebody reads it soon';
CREATE INDEX check_in_by_person ON check_in (person_id, day);

-- What a young person asks to be corrected, deleted, left alone or answered, and who answered it.
CREATE TABLE data_request (
    data_request_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('correct', 'delete', 'object', 'question')),
    words text NOT NULL DEFAULT '' CHECK (char_length(words) <= 1000),
    asked_at timestamptz NOT NULL,
    taken_back_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'done_in_part', 'not_done')),
    answer text NOT NULL DEFAULT '' CHECK (char_length(answer) <= 1000),
    answered_by integer,
    answered_at timestamptz,
    CHECK ((outcome IS NULL) = (answered_at IS NULL)),
    CHECK ((outcome IS NULL) = (answered_by IS NULL)),
    CHECK (outcome IS NULL OR answer <> '')
);
CREATE INDEX data_request_by_person ON data_request (person_id, asked_at);
CREATE INDEX data_request_open ON data_request (asked_at) WHERE answered_at IS NULL AND taken_back_at IS NULL;

-- Words of their own may say what cannot wait: whatever a young person writes is told, and this says where it
-- stands. The words themselves are in no message and in no other table.
ALTER TABLE concern
    ADD COLUMN check_in_id bigint,
    ADD COLUMN context_note_id bigint,
    ADD COLUMN data_request_id bigint;
ALTER TABLE concern DROP CONSTRAINT concern_check1;
ALTER TABLE concern DROP CONSTRAINT concern_check2;
ALTER TABLE concern ADD CONSTRAINT concern_level_is_said
    CHECK ((kind = 'raise' AND (source <> 'young_person' OR choice IS NULL)) = (level IS NOT NULL));
ALTER TABLE concern ADD CONSTRAINT concern_says_one_thing CHECK (
    num_nonnulls(choice, check_in_id, context_note_id, data_request_id)
    = CASE WHEN kind = 'raise' AND source = 'young_person' THEN 1 ELSE 0 END
);

-- Whether somebody is on duty out of hours, so that the pages can say truthfully who looks then.
ALTER TABLE working_stretch ADD COLUMN has_duty_line boolean NOT NULL DEFAULT false;

GRANT SELECT, INSERT, UPDATE ON own_choice, channel_off, data_request TO tidewell_portal;
GRANT SELECT, INSERT ON check_in TO tidewell_portal;
GRANT SELECT ON channel_off TO tidewell_ingest;
