-- Where the readings of a boot lie that are stored and not scored yet: they wait for a hole below them, or for a
-- detector that failed. Whoever scores them looks at this time of their person and not at all that is stored.
-- Written by ingest only. A span may be wider than what waits, never narrower.

CREATE TABLE unscored_span (
    device_id integer NOT NULL,
    boot integer NOT NULL,
    first_time timestamptz NOT NULL,
    last_time timestamptz NOT NULL,
    PRIMARY KEY (device_id, boot),
    CHECK (first_time <= last_time)
);

-- What waits now may lie anywhere.
INSERT INTO unscored_span (device_id, boot, first_time, last_time)
SELECT device_id, boot, '-infinity', 'infinity' FROM device_cursor WHERE scored_upto < highest;

GRANT SELECT, INSERT, UPDATE, DELETE ON unscored_span TO tidewell_ingest;

-- "Nobody is heard, though we listen" and "we do not hear" are two troubles: while the one is open, the people who
-- run the service are told of the other.

ALTER TABLE operations_notice ADD COLUMN about text NOT NULL DEFAULT 'not_hearing'
    CHECK (about IN ('not_hearing', 'nobody_heard'));
ALTER TABLE operations_notice ALTER COLUMN about DROP DEFAULT;
COMMENT ON COLUMN operations_notice.about IS 'Whether our ears were shut, or open and nothing came';
