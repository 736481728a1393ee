-- Who is here: people, the staff who know them, and their devices.
-- Written by the command line and the admin pages only (role tidewell_enrol).

CREATE TABLE team (
    team_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE staff (
    staff_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('practitioner', 'clinician', 'admin')),
    display_name text NOT NULL,
    team_id integer REFERENCES team,
    created_at timestamptz NOT NULL
);

-- A person is a number everywhere; what they are called is kept apart, in identity.
CREATE TABLE person (
    person_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    label text NOT NULL UNIQUE,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 63),
    timezone text NOT NULL,
    reading_level text NOT NULL CHECK (reading_level IN ('8-11', '12-15', '16-18')),
    created_at timestamptz NOT NULL
);
COMMENT ON COLUMN person.label IS 'A code that is not a name, for logs, files and the command line';

CREATE TABLE identity (
    person_id integer PRIMARY KEY REFERENCES person,
    preferred_name text NOT NULL
);

CREATE TABLE device (
    device_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    model text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
COMMENT ON COLUMN device.name IS 'What the device is called in topics';

CREATE TABLE device_assignment (
    device_id integer NOT NULL REFERENCES device,
    person_id integer NOT NULL REFERENCES person,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    PRIMARY KEY (device_id, valid_from),
    CHECK (valid_until > valid_from)
);

CREATE TABLE assignment (
    assignment_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id integer NOT NULL REFERENCES staff,
    person_id integer NOT NULL REFERENCES person,
    kind text NOT NULL CHECK (kind IN ('key_worker', 'clinician')),
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    CHECK (valid_until > valid_from)
);
CREATE INDEX assignment_by_staff ON assignment (staff_id, person_id);
CREATE INDEX assignment_by_person ON assignment (person_id, kind);
CREATE UNIQUE INDEX assignment_one_key_worker ON assignment (person_id)
    WHERE kind = 'key_worker' AND valid_until IS NULL;

CREATE TABLE cover (
    cover_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    away_staff_id integer NOT NULL REFERENCES staff,
    cover_staff_id integer NOT NULL REFERENCES staff,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    accepted_at timestamptz,
    CHECK (valid_until > valid_from),
    CHECK (away_staff_id <> cover_staff_id)
);

CREATE TABLE policy (
    policy_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    body jsonb NOT NULL,
    valid_from timestamptz NOT NULL,
    UNIQUE (name, valid_from)
);

CREATE TABLE contact_method (
    contact_method_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    staff_id integer NOT NULL REFERENCES staff,
    channel text NOT NULL,
    address text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    UNIQUE (staff_id, channel, address)
);

-- How somebody signs in. A young person signs in to their own pages, staff to theirs.
CREATE TABLE sign_in (
    username text PRIMARY KEY CHECK (username ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    password_hash text NOT NULL,
    staff_id integer UNIQUE REFERENCES staff,
    person_id integer UNIQUE REFERENCES person,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    CHECK (num_nonnulls(staff_id, person_id) = 1)
);
