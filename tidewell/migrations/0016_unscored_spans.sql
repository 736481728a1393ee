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
