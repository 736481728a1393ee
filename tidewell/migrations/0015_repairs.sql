-- What scoring does late: holes that it passed, frames that it scored after they had come, and days that are
-- judged again because their readings came too late. Written by ingest only.

ALTER TABLE frame_gap ADD COLUMN passed_at timestamptz;
COMMENT ON COLUMN frame_gap.passed_at IS
'When scoring went on without these frames; NULL while it waits. The device is asked for them all the same';
CREATE INDEX frame_gap_not_passed ON frame_gap (noticed_at) WHERE state = 'waiting' AND passed_at IS NULL;

-- Scoring may be beyond a hole, and beyond `upto` with it.
ALTER TABLE device_cursor DROP CONSTRAINT device_cursor_check;
ALTER TABLE device_cursor ADD CHECK (scored_upto <= highest);
COMMENT ON COLUMN device_cursor.scored_upto IS
'All stored frames up to here are scored; above upto where scoring passed a hole';

-- Where frames were scored at another moment than that of their arrival: a detector that is brought back sees
-- them in the same order. Stretches of one boot do not overlap. What is stored in a hole that was passed came
-- afterwards and was scored as it came.
CREATE TABLE scored_later (
    device_id integer NOT NULL,
    boot integer NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('waited', 'hole_passed')),
    scored_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, boot, first_seq),
    CHECK (first_seq <= last_seq)
);

-- Days of a person that are to be judged again, or were.
CREATE TABLE repair (
    repair_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    reason text NOT NULL CHECK (reason IN ('came_too_late', 'asked_for')),
    readings bigint NOT NULL,
    noted_at timestamptz NOT NULL,
    widened_at timestamptz NOT NULL,
    done_at timestamptz,
    outcome text CHECK (outcome IN ('judged_again', 'nothing_differed', 'history_gone', 'could_not_be_judged')),
    days_changed integer,
    days_now_unusual integer,
    CHECK (first_day <= last_day),
    CHECK (noted_at <= widened_at),
    CHECK ((done_at IS NULL) = (outcome IS NULL))
);
COMMENT ON COLUMN repair.readings IS 'How many came too late; it grows while the repair waits';
COMMENT ON COLUMN repair.widened_at IS 'When the latest of them came';
COMMENT ON COLUMN repair.days_now_unusual IS 'Days that are above usual now and were not before';
CREATE UNIQUE INDEX repair_one_open ON repair (person_id) WHERE done_at IS NULL;

GRANT SELECT, INSERT ON scored_later TO tidewell_ingest;
GRANT SELECT, INSERT, UPDATE ON repair TO tidewell_ingest;
GRANT SELECT ON scored_later, repair TO tidewell_portal;

-- What a restart right after this migration scores again: the latest readings that had waited for a hole.
INSERT INTO scored_later (device_id, boot, first_seq, last_seq, kind, scored_at)
SELECT device_id, boot, min(seq), max(seq), 'waited', scored_at
FROM (
    SELECT device_id, boot, seq, received_at,
           max(received_at) OVER (PARTITION BY device_id, boot ORDER BY seq) AS scored_at
    FROM reading
    WHERE received_at >= (SELECT min((cursors ->> 'replay_from')::timestamptz) FROM detector_snapshot)
) AS scored
WHERE scored_at > received_at
GROUP BY device_id, boot, scored_at;
