-- Tokens of programs, and what was answered to a request that may come again.

-- Only the hash of a token is kept. A token belongs to a sign-in, so that whoever is switched off or
-- leaves takes their programs with them, and never holds for more than a year.
CREATE TABLE api_token (
    api_token_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 60),
    may_act boolean NOT NULL,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    CHECK (expires_at > made_at AND expires_at <= made_at + interval '366 days')
);
CREATE INDEX api_token_by_username ON api_token (username);
GRANT SELECT, INSERT, UPDATE ON api_token TO tidewell_portal;

-- The answer to a request under its key, so that the same request sent again does nothing twice.
CREATE TABLE api_answer (
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    idempotency_key text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 200),
    fingerprint bytea NOT NULL,
    status smallint NOT NULL DEFAULT 0,
    body text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    PRIMARY KEY (username, idempotency_key)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_answer TO tidewell_portal;
