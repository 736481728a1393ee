-- Duty rotas, cover that is arranged on the pages, calendar feeds, and what the look ahead found.

CREATE TABLE rota (
    rota_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    created_at timestamptz NOT NULL
);

-- A shift of one member of staff: of each week, by the clock of a time zone, or of one date. A dated
-- shift wins over those of the week while it lasts. Nothing is deleted: what no longer holds has an
-- end, so that yesterday's alerts can be understood tomorrow.
CREATE TABLE rota_shift (
    rota_shift_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rota_id integer NOT NULL REFERENCES rota,
    staff_id integer NOT NULL REFERENCES staff,
    timezone text,
    weekday smallint CHECK (weekday BETWEEN 0 AND 6),
    starts_minute smallint CHECK (starts_minute BETWEEN 0 AND 1439),
    ends_minute smallint,
    starts_at timestamptz,
    ends_at timestamptz,
    holds_from timestamptz NOT NULL,
    holds_until timestamptz,
    CHECK (num_nonnulls(timezone, weekday, starts_minute, ends_minute) IN (0, 4)),
    CHECK ((weekday IS NULL) = (starts_at IS NOT NULL)),
    CHECK ((starts_at IS NULL) = (ends_at IS NULL)),
    CHECK (ends_at > starts_at),
    CHECK (ends_minute > starts_minute AND ends_minute <= starts_minute + 1440)
);
COMMENT ON COLUMN rota_shift.weekday IS 'Monday is 0; the day on which the shift begins';
COMMENT ON COLUMN rota_shift.ends_minute IS 'Minutes after the midnight before it begins; more than 1440 is the next day';
CREATE INDEX rota_shift_by_rota ON rota_shift (rota_id);
CREATE INDEX rota_shift_by_staff ON rota_shift (staff_id);

GRANT SELECT, INSERT, UPDATE ON rota, rota_shift TO tidewell_enrol;
GRANT SELECT ON rota, rota_shift TO tidewell_alerts, tidewell_portal;

-- Cover that ended before its time: given up, declined, or handed back.
ALTER TABLE cover
    ADD COLUMN arranged_at timestamptz,
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN ended_by integer REFERENCES staff,
    ADD CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    ADD CHECK (ended_at IS NULL OR accepted_at IS NULL OR valid_until <= ended_at);
COMMENT ON COLUMN cover.ended_by IS 'Who ended it; where that is the one who was to cover, its giver is away without cover';
CREATE INDEX cover_by_away ON cover (away_staff_id, valid_until);
CREATE INDEX cover_by_cover ON cover (cover_staff_id, valid_until);

-- The pages change cover through these four and in no other way: the portal has no right to the
-- table. Each says what became of it.
CREATE FUNCTION arrange_cover(
    giver integer, receiver integer, first_moment timestamptz, end_moment timestamptz, at timestamptz
)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    IF giver = receiver OR NOT EXISTS (
        SELECT FROM public.staff_at_work AS one JOIN public.sign_in USING (staff_id)
        WHERE one.staff_id = receiver AND one.role = 'practitioner'
          AND (one.left_at IS NULL OR one.left_at > at)
    ) THEN
        RETURN 'receiver_cannot';
    END IF;
    IF end_moment <= at OR end_moment <= first_moment OR end_moment > first_moment + interval '93 days' THEN
        RETURN 'days_do_not_fit';
    END IF;
    -- Two pages of one person at once arrange it once.
    PERFORM pg_advisory_xact_lock(hashtextextended('tidewell.cover', giver));
    IF EXISTS (
        SELECT FROM public.cover
        WHERE away_staff_id = giver AND ended_at IS NULL
          AND valid_from < end_moment AND valid_until > first_moment
    ) THEN
        RETURN 'arranged_already';
    END IF;
    IF EXISTS (
        SELECT FROM public.cover
        WHERE away_staff_id = receiver AND ended_at IS NULL
          AND valid_from < end_moment AND valid_until > first_moment
    ) THEN
        RETURN 'receiver_is_away';
    END IF;
    INSERT INTO public.cover (away_staff_id, cover_staff_id, valid_from, valid_until, arranged_at)
    VALUES (giver, receiver, first_moment, end_moment, at);
    RETURN 'arranged';
END
$$;

CREATE FUNCTION accept_cover(which integer, receiver integer, at timestamptz)
RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH taken AS (
        UPDATE public.cover SET accepted_at = at
        WHERE cover_id = which AND cover_staff_id = receiver AND accepted_at IS NULL
          AND ended_at IS NULL AND valid_until > at
        RETURNING cover_id
    )
    SELECT CASE WHEN EXISTS (SELECT FROM taken) THEN 'accepted' ELSE 'nothing_waits' END;
END;

-- By its giver, who is there after all or chooses somebody else; or by the one who covers, who
-- cannot: for what is left of the days its giver is then away without cover. What was in force
-- until now stays in the records as it was.
CREATE FUNCTION end_cover(which integer, ender integer, at timestamptz)
RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH former AS (
        SELECT cover.*, accepted_at IS NOT NULL AND valid_from < at AS is_running
        FROM public.cover
        WHERE cover_id = which AND ender IN (away_staff_id, cover_staff_id)
          AND ended_at IS NULL AND valid_until > at
        FOR UPDATE
    ), rest AS (
        INSERT INTO public.cover (
            away_staff_id, cover_staff_id, valid_from, valid_until, arranged_at, ended_at, ended_by
        )
        SELECT away_staff_id, cover_staff_id, at, valid_until, arranged_at, at, ender
        FROM former WHERE is_running AND ender = cover_staff_id
    ), ended AS (
        UPDATE public.cover SET
            ended_at = at,
            ended_by = ender,
            accepted_at = CASE WHEN former.is_running THEN former.accepted_at END,
            valid_until = CASE WHEN former.is_running THEN at ELSE former.valid_until END
        FROM former WHERE cover.cover_id = former.cover_id
        RETURNING cover.cover_id
    )
    SELECT CASE WHEN EXISTS (SELECT FROM ended) THEN 'ended' ELSE 'nothing_waits' END;
END;

REVOKE EXECUTE ON FUNCTION arrange_cover, accept_cover, end_cover FROM PUBLIC;
GRANT EXECUTE ON FUNCTION arrange_cover, accept_cover, end_cover TO tidewell_portal;

-- A secret address for each member of staff who wants their shifts in a calendar. Only the hash of
-- the secret is kept; one address for each person holds at a time.
CREATE TABLE calendar_feed (
    token_hash bytea PRIMARY KEY,
    staff_id integer NOT NULL REFERENCES staff,
    made_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX calendar_feed_one ON calendar_feed (staff_id) WHERE revoked_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON calendar_feed TO tidewell_portal;

-- Who would not be reached in the days to come, as alerts found at its last look.
CREATE TABLE reach_run (
    reach_run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    people integer NOT NULL,
    findings jsonb NOT NULL
);
CREATE INDEX reach_run_by_time ON reach_run (at);
GRANT SELECT, INSERT, DELETE ON reach_run TO tidewell_alerts;
GRANT SELECT ON reach_run TO tidewell_portal, tidewell_enrol;
