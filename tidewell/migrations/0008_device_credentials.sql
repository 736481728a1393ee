-- What a broker needs to know a device again. One secret for each device; the secret itself is
-- nowhere here. It has 256 random bits, so nobody finds it by trying, and a slow hash would only
-- make ten thousand devices wait for each other after an outage. There are two hashes because each
-- broker reads its own kind: NATS bcrypt, Mosquitto PBKDF2 with SHA-512.

CREATE TABLE device_credential (
    device_id integer PRIMARY KEY REFERENCES device,
    bcrypt text NOT NULL CHECK (bcrypt ~ '^\$2b\$[0-9]{2}\$[./A-Za-z0-9]{53}$'),
    pbkdf2 text NOT NULL CHECK (pbkdf2 ~ '^\$7\$[0-9]+\$[+/=A-Za-z0-9]+\$[+/=A-Za-z0-9]+$'),
    set_at timestamptz NOT NULL
);
COMMENT ON TABLE device_credential IS 'A device without a row here cannot sign in at the broker';

GRANT SELECT, INSERT, UPDATE, DELETE ON device_credential TO tidewell_enrol;
