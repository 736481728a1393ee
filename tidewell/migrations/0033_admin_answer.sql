-- Keys of requests that programs of administrators repeat. What administrators do is written in a role of its own, and a
-- key is kept in the same transaction as what was done under it.

CREATE TABLE admin_answer (
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    idempotency_key text NOT NULL CHECK (char_length(idempotency_key) BETWEEN 1 AND 200),
    fingerprint bytea NOT NULL,
    status smallint NOT NULL DEFAULT 0,
    body text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    PRIMARY KEY (username, idempotency_key)
);
COMMENT ON COLUMN admin_answer.body IS 'The answer without any secret that it showed';
CREATE INDEX admin_answer_by_age ON admin_answer (made_at);
CREATE INDEX api_answer_by_age ON api_answer (made_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON admin_answer TO tidewell_enrol;
