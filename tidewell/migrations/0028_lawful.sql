-- What the law asks of whoever keeps data about people: how long what is kept, what was erased and for whom
-- nothing may be. Written by the owner of the database only: no process that serves people may erase.

-- While a hold lasts, nothing about the person is erased, by age or on request.
CREATE TABLE legal_hold (
    legal_hold_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500),
    set_by text NOT NULL CHECK (char_length(set_by) BETWEEN 1 AND 100),
    set_at timestamptz NOT NULL,
    lifted_at timestamptz,
    lifted_by text CHECK (char_length(lifted_by) BETWEEN 1 AND 100),
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);
CREATE UNIQUE INDEX legal_hold_one ON legal_hold (person_id) WHERE lifted_at IS NULL;

-- One row for each erasure, begun or done. It outlives the person, so it holds a number and hashes and no
-- word about them.
CREATE TABLE erasure (
    erasure_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL UNIQUE,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
    label_hash bytea NOT NULL UNIQUE,
    device_ids integer[] NOT NULL,
    device_name_hashes bytea[] NOT NULL,
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500),
    done_by text NOT NULL CHECK (char_length(done_by) BETWEEN 1 AND 100),
    begun_at timestamptz NOT NULL,
    rows_gone_at timestamptz,
    broker_emptied_at timestamptz,
    checked_at timestamptz,
    certificate jsonb,
    CHECK ((checked_at IS NULL) = (certificate IS NULL))
);
COMMENT ON COLUMN erasure.label_hash IS 'SHA-256 of the label: whoever knows the label finds the certificate';
COMMENT ON COLUMN erasure.device_ids IS 'Devices that nobody else ever wore; their rows went too';
COMMENT ON COLUMN erasure.device_name_hashes IS 'SHA-256 of their names: what such a device still sends is erased each day';
CREATE INDEX erasure_broker_waits ON erasure (erasure_id)
    WHERE rows_gone_at IS NOT NULL AND broker_emptied_at IS NULL;

-- What went by age: a row for each run and class.
CREATE TABLE retention_run (
    retention_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    class text NOT NULL,
    before timestamptz,
    gone jsonb NOT NULL,
    people_on_hold integer NOT NULL,
    seconds real NOT NULL
);
COMMENT ON COLUMN retention_run.before IS 'What is older than this went; NULL where the site keeps the class';
COMMENT ON COLUMN retention_run.gone IS 'Rows that went, by table';
CREATE INDEX retention_run_by_time ON retention_run (at);

-- A daily look for old ones must not read every alert.
CREATE INDEX dead_letter_by_time ON dead_letter (received_at);

-- How long readings are kept is one setting for both storage modes, and our own job asks for holds.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc WHERE proname = 'remove_retention_policy') THEN
        PERFORM remove_retention_policy('reading', if_exists => true);
    END IF;
END
$$;

GRANT SELECT ON retention_run, erasure, legal_hold TO tidewell_portal, tidewell_enrol;
