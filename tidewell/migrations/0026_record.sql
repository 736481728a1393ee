-- The record of a person: what was done with them beside alerts, and how things stand in three columns.
-- Written by the portal only and never changed: a mistake is put right by another row, and both are shown.

CREATE TABLE contact_log (
    contact_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    staff_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('spoke', 'tried', 'visited', 'correction')),
    at timestamptz NOT NULL,
    is_whole_day boolean NOT NULL DEFAULT false,
    note text NOT NULL DEFAULT '' CHECK (char_length(note) <= 500),
    corrects bigint REFERENCES contact_log,
    corrects_alert_id bigint REFERENCES alert,
    written_at timestamptz NOT NULL,
    CHECK (num_nonnulls(corrects, corrects_alert_id) = (kind = 'correction')::integer),
    CHECK (kind <> 'correction' OR note <> '')
);
COMMENT ON COLUMN contact_log.is_whole_day IS 'Only the day is known; `at` is its noon';
COMMENT ON COLUMN contact_log.corrects_alert_id IS 'What is put right stands in the note of a closed alert';
CREATE INDEX contact_log_by_person ON contact_log (person_id, at);

CREATE TABLE support_note (
    support_note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    staff_id integer NOT NULL,
    alert_id bigint REFERENCES alert,
    worried text NOT NULL DEFAULT '' CHECK (char_length(worried) <= 300),
    working_well text NOT NULL DEFAULT '' CHECK (char_length(working_well) <= 300),
    needs text NOT NULL DEFAULT '' CHECK (char_length(needs) <= 300),
    scale smallint CHECK (scale BETWEEN 0 AND 10),
    written_at timestamptz NOT NULL,
    CHECK (worried <> '' OR working_well <> '' OR needs <> '' OR scale IS NOT NULL)
);
COMMENT ON TABLE support_note IS 'Worried about, working well, needs to happen, and how things are from 0 to 10; the newest row is what holds';
COMMENT ON COLUMN support_note.alert_id IS 'The alert that was being closed when it was written';
CREATE INDEX support_note_by_person ON support_note (person_id, support_note_id);

GRANT SELECT, INSERT ON contact_log, support_note TO tidewell_portal;
