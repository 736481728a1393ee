-- Who takes frames in. A worker has a slot, and with it the name of its session at the broker. Written by
-- ingest only.

CREATE TABLE ingest_worker (
    slot smallint PRIMARY KEY CHECK (slot BETWEEN 1 AND 64),
    owner text,
    seen_until timestamptz,
    has_session boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN ingest_worker.seen_until IS 'Counts as a worker until then; renewed several times before';
COMMENT ON COLUMN ingest_worker.has_session IS 'The broker may keep frames for the session of this slot';
INSERT INTO ingest_worker (slot) SELECT generate_series(1, 64);

GRANT SELECT, UPDATE ON ingest_worker TO tidewell_ingest;
GRANT SELECT ON ingest_worker TO tidewell_portal;
