-- How people sign in: sessions with a level, a second factor, links for the first time, browsers that
-- are known.

ALTER TABLE session
    ADD COLUMN session_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN level text NOT NULL DEFAULT 'password' CHECK (level IN ('password', 'second_factor')),
    ADD COLUMN proved_at timestamptz,
    ADD COLUMN device_label text NOT NULL DEFAULT 'A device';
UPDATE session SET proved_at = created_at;
ALTER TABLE session ALTER COLUMN proved_at SET NOT NULL;
CREATE INDEX session_open ON session (username) WHERE ended_at IS NULL;

-- Only what checks a signature; the key itself never leaves its owner's device. Written by portal.
CREATE TABLE passkey (
    passkey_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    credential_id bytea NOT NULL UNIQUE,
    user_handle bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    device_label text NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz,
    removed_at timestamptz
);
CREATE INDEX passkey_by_username ON passkey (username) WHERE removed_at IS NULL;

-- An app that shows six digits. `last_step` is the newest half minute whose digits were used.
-- Written by portal.
CREATE TABLE authenticator_app (
    authenticator_app_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    secret text NOT NULL,
    made_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step bigint,
    removed_at timestamptz
);
CREATE UNIQUE INDEX authenticator_app_one ON authenticator_app (username) WHERE removed_at IS NULL;

-- Written by portal.
CREATE TABLE recovery_code (
    recovery_code_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    code_hash bytea NOT NULL UNIQUE,
    made_at timestamptz NOT NULL,
    used_at timestamptz,
    replaced_at timestamptz
);
CREATE INDEX recovery_code_by_username ON recovery_code (username)
    WHERE used_at IS NULL AND replaced_at IS NULL;

-- What a browser has to sign, each once; a row that is used is gone. Written by portal.
CREATE TABLE sign_in_challenge (
    challenge_hash bytea PRIMARY KEY,
    purpose text NOT NULL,
    username text,
    made_at timestamptz NOT NULL
);
CREATE INDEX sign_in_challenge_by_age ON sign_in_challenge (made_at);

-- A browser in which somebody has signed in before: the mistakes of strangers do not slow it.
-- Written by portal.
CREATE TABLE known_device (
    token_hash bytea NOT NULL,
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (token_hash, username)
);

-- A link with which somebody chooses their own password. Written by enrol.
CREATE TABLE sign_in_link (
    link_hash bytea PRIMARY KEY,
    username text NOT NULL REFERENCES sign_in ON DELETE CASCADE,
    made_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    voided_at timestamptz
);
CREATE INDEX sign_in_link_by_username ON sign_in_link (username)
    WHERE used_at IS NULL AND voided_at IS NULL;

-- The pages change a password without a right to the table, and only one that they have just checked.
CREATE FUNCTION replace_password(which text, earlier_hash text, new_hash text)
RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH changed AS (
        UPDATE public.sign_in SET password_hash = new_hash
        WHERE username = which AND password_hash = earlier_hash RETURNING username
    )
    SELECT EXISTS (SELECT FROM changed);
END;

CREATE FUNCTION take_sign_in_link(given_hash bytea, new_hash text, at timestamptz)
RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH taken AS (
        UPDATE public.sign_in_link SET used_at = at
        WHERE link_hash = given_hash AND used_at IS NULL AND voided_at IS NULL AND expires_at > at
        RETURNING username
    ), changed AS (
        UPDATE public.sign_in SET password_hash = new_hash FROM taken
        WHERE sign_in.username = taken.username
          AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > at)
        RETURNING sign_in.username
    )
    SELECT username FROM changed;
END;

-- Everything by which somebody could still be inside, or get in again.
CREATE FUNCTION end_ways_in(which text, at timestamptz)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    UPDATE public.session SET ended_at = at WHERE username = which AND ended_at IS NULL;
    UPDATE public.known_device SET ended_at = at WHERE username = which AND ended_at IS NULL;
    UPDATE public.sign_in_link SET voided_at = at
    WHERE username = which AND used_at IS NULL AND voided_at IS NULL;
END;

CREATE FUNCTION remove_second_factors(which text, at timestamptz)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    UPDATE public.passkey SET removed_at = at WHERE username = which AND removed_at IS NULL;
    UPDATE public.authenticator_app SET removed_at = at WHERE username = which AND removed_at IS NULL;
    UPDATE public.recovery_code SET replaced_at = at
    WHERE username = which AND used_at IS NULL AND replaced_at IS NULL;
END;

-- How each sign-in stands, without anything that would let somebody in.
CREATE VIEW sign_in_state AS
SELECT sign_in.username, COALESCE(staff.role, 'young_person') AS role, sign_in.disabled_at,
    sign_in.password_hash <> '' AS has_password,
    (SELECT count(*) FROM passkey
     WHERE passkey.username = sign_in.username AND removed_at IS NULL) AS passkeys,
    EXISTS (SELECT FROM authenticator_app AS app
            WHERE app.username = sign_in.username AND confirmed_at IS NOT NULL
              AND removed_at IS NULL) AS has_app,
    (SELECT count(*) FROM recovery_code AS code
     WHERE code.username = sign_in.username AND used_at IS NULL AND replaced_at IS NULL) AS codes_left,
    (SELECT max(expires_at) FROM sign_in_link AS link
     WHERE link.username = sign_in.username AND used_at IS NULL AND voided_at IS NULL) AS link_until
FROM sign_in LEFT JOIN staff USING (staff_id);

REVOKE EXECUTE ON FUNCTION replace_password, take_sign_in_link, end_ways_in, remove_second_factors
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION replace_password, take_sign_in_link TO tidewell_portal;
GRANT EXECUTE ON FUNCTION end_ways_in, remove_second_factors TO tidewell_enrol;
GRANT SELECT, INSERT, UPDATE ON passkey, authenticator_app, recovery_code, known_device
    TO tidewell_portal;
GRANT SELECT, INSERT, DELETE ON sign_in_challenge TO tidewell_portal;
GRANT SELECT ON sign_in_link TO tidewell_portal;
GRANT SELECT, INSERT, UPDATE ON sign_in_link TO tidewell_enrol;
GRANT SELECT ON sign_in_state TO tidewell_enrol;
