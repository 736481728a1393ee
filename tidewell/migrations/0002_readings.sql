-- What devices sent, and what ingest made of it. Written by ingest only.

-- One row per person, device and minute (or other epoch). NULL means that the device had no value.
-- No row-level security here: TimescaleDB refuses it on a hypertable with a columnstore. The pages
-- reach readings through guarded functions only.
CREATE TABLE reading (
    person_id integer NOT NULL,
    time timestamptz NOT NULL,
    device_id integer NOT NULL,
    period_s smallint NOT NULL CHECK (period_s BETWEEN 1 AND 3600),
    boot integer NOT NULL,
    seq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    heart_rate real,
    hrv_rmssd real,
    skin_temperature real,
    eda real,
    steps real,
    spo2 real,
    respiratory_rate real,
    motion real,
    sleep_state real,
    worn real,
    PRIMARY KEY (person_id, time, device_id)
);

-- A frame (or a row of one) that was not stored, with the reason. The same bytes are kept once.
CREATE TABLE dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    topic text NOT NULL,
    device_id integer,
    boot bigint,
    seq bigint,
    reason text NOT NULL,
    detail text NOT NULL,
    whole_frame boolean NOT NULL,
    payload bytea,
    payload_bytes integer NOT NULL,
    payload_hash bytea NOT NULL,
    UNIQUE (topic, payload_hash, reason)
);
COMMENT ON COLUMN dead_letter.payload IS 'NULL where keeping it would be wrong: readings of a pause';
COMMENT ON COLUMN dead_letter.whole_frame IS 'False where only some readings of the frame were refused';

-- How far each boot of a device is committed, and how far it is scored.
CREATE TABLE device_cursor (
    device_id integer NOT NULL,
    boot integer NOT NULL,
    upto bigint NOT NULL,
    highest bigint NOT NULL,
    scored_upto bigint NOT NULL,
    frames_committed bigint NOT NULL,
    frames_dead_lettered bigint NOT NULL,
    frames_repeated bigint NOT NULL,
    first_received_at timestamptz NOT NULL,
    last_received_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, boot),
    CHECK (scored_upto <= upto),
    CHECK (upto <= highest)
);
COMMENT ON COLUMN device_cursor.upto IS 'Highest seq such that it and all before it are committed, dead-lettered or given up by the device';

-- Frames that have not come yet, and those that never will.
CREATE TABLE frame_gap (
    device_id integer NOT NULL,
    boot integer NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'lost_on_device')),
    noticed_at timestamptz NOT NULL,
    PRIMARY KEY (device_id, boot, first_seq),
    CHECK (first_seq <= last_seq)
);

-- A lease on a shard. The epoch fences: a commit with an old epoch is refused.
CREATE TABLE shard (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 63),
    owner text,
    epoch bigint NOT NULL,
    lease_until timestamptz,
    listening_since timestamptz
);
COMMENT ON COLUMN shard.listening_since IS 'When its owner began to hear frames; NULL while it does not';
INSERT INTO shard (shard, epoch) SELECT generate_series(0, 63), 0;

CREATE TABLE detector_snapshot (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 63),
    taken_at timestamptz NOT NULL,
    detector_version text NOT NULL,
    cursors jsonb NOT NULL,
    state bytea NOT NULL
);

-- One row per person and day that closed: how it was, what is usual, how unlike it was.
CREATE TABLE daily_feature (
    person_id integer NOT NULL,
    day date NOT NULL,
    night_heart_rate real,
    steps real,
    worn_minutes real NOT NULL,
    usual jsonb NOT NULL,
    score real,
    family text,
    level text,
    detector_version text NOT NULL,
    PRIMARY KEY (person_id, day)
);
COMMENT ON COLUMN daily_feature.usual IS 'Per feature: centre, low and high of what is usual for this person on that day';

-- A time during which something was different for a person, per family.
CREATE TABLE episode (
    episode_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    family text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    level text NOT NULL,
    score real NOT NULL,
    explanation jsonb NOT NULL,
    detector_version text NOT NULL,
    UNIQUE (person_id, family, opened_at),
    CHECK (closed_at >= opened_at)
);
CREATE UNIQUE INDEX episode_one_open ON episode (person_id, family) WHERE closed_at IS NULL;

-- What happened to an episode; the wake-up of alerts. `at` is the time of the deciding reading.
CREATE TABLE episode_event (
    episode_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    episode_id bigint NOT NULL REFERENCES episode,
    kind text NOT NULL CHECK (kind IN ('opened', 'continued', 'worsened', 'closed')),
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    level text NOT NULL,
    score real NOT NULL,
    explanation jsonb NOT NULL,
    UNIQUE (episode_id, kind, at)
);
