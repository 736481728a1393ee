-- Why nothing came: the last word of each device about itself, silences with their reason, times in which
-- we ourselves did not hear, and which minutes of a person are missing.

ALTER TABLE shard ADD COLUMN heard_until timestamptz;
COMMENT ON COLUMN shard.heard_until IS 'Until then somebody heard the frames of this shard, whoever holds it now';

-- What a device said last on its status topic; the message stays at the broker, this is our copy. Written
-- by ingest only, like `silence` and `outage`.
CREATE TABLE device_status (
    device_id integer PRIMARY KEY REFERENCES device,
    online boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    battery_percent smallint NOT NULL CHECK (battery_percent BETWEEN 0 AND 100),
    firmware text NOT NULL,
    boot integer NOT NULL
);
COMMENT ON COLUMN device_status.changed_at IS 'When we heard that it came online or went away';
COMMENT ON COLUMN device_status.told_at IS 'When the device measured its battery; a last will is older than it looks';

-- One row for each episode in which a device was silent or off for long, with the reason.
CREATE TABLE silence (
    episode_id bigint PRIMARY KEY REFERENCES episode,
    person_id integer NOT NULL,
    device_id integer,
    silent_from timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    ended_at timestamptz,
    reason text NOT NULL CHECK (reason IN (
        'paused', 'device_revoked', 'not_assigned', 'flat_battery', 'our_outage', 'never_heard', 'not_worn',
        'no_network', 'unknown'
    )),
    battery_percent smallint,
    classified_at timestamptz NOT NULL,
    settled_at timestamptz
);
COMMENT ON COLUMN silence.silent_from IS 'End of the last reading before it, or when the device was handed out';
COMMENT ON COLUMN silence.settled_at IS 'When the reason was looked at again, with what came after the silence';
CREATE INDEX silence_by_person ON silence (person_id, silent_from);
CREATE INDEX silence_open ON silence (episode_id) WHERE settled_at IS NULL;
CREATE INDEX episode_of_device ON episode (opened_at) WHERE family = 'device' AND level <> 'usual';

-- A time in which we did not hear these shards: no silence in it is a device's.
CREATE TABLE outage (
    outage_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shards smallint[] NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    reason text NOT NULL CHECK (reason IN (
        'broker_away', 'database_away', 'lease_lost', 'not_running', 'nobody_heard'
    )),
    noticed_at timestamptz NOT NULL,
    CHECK (cardinality(shards) > 0),
    CHECK (ended_at >= began_at)
);
CREATE INDEX outage_open ON outage (began_at) WHERE ended_at IS NULL;
CREATE INDEX outage_by_end ON outage (ended_at);

-- The whole minutes that a time touches.
CREATE FUNCTION minutes_of(from_time timestamptz, until_time timestamptz) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN tstzrange(
    date_bin('1 minute', from_time, TIMESTAMPTZ '2000-01-01 00:00Z'),
    date_bin('1 minute', until_time + interval '59.999999 seconds', TIMESTAMPTZ '2000-01-01 00:00Z')
);

-- The minutes of one reading: an epoch belongs to the minute in which it starts, a longer one to more.
CREATE FUNCTION minutes_of_reading(from_time timestamptz, period_s integer) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN tstzrange(
    date_bin('1 minute', from_time, TIMESTAMPTZ '2000-01-01 00:00Z'),
    date_bin('1 minute', from_time + make_interval(secs => greatest(period_s - 60, 0)), TIMESTAMPTZ '2000-01-01 00:00Z')
        + interval '1 minute'
);

-- Which whole minutes of a person have no reading of a worn device, and why: stretches that do not overlap,
-- in order, that together are exactly those minutes. The first cause that holds for a minute is the one said.
CREATE FUNCTION no_data_of(of_person integer, first_time timestamptz, end_time timestamptz, at timestamptz)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, kind text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    whole CONSTANT tstzrange := tstzrange(
        date_trunc('minute', first_time),
        greatest(date_trunc('minute', first_time), date_trunc('minute', least(end_time, at)))
    );
    missing tstzmultirange;
    cause record;
    piece tstzrange;
BEGIN
    missing := tstzmultirange(whole) - coalesce((
        SELECT range_agg(minutes_of_reading(reading.time, reading.period_s))
        FROM reading
        WHERE reading.person_id = of_person AND reading.worn IS DISTINCT FROM 0
          AND reading.time >= lower(whole) - interval '1 hour' AND reading.time < upper(whole)
    ), '{}');
    FOR cause IN
        SELECT causes.kind, range_agg(minutes_of(greatest(causes.from_time, lower(whole) - interval '1 minute'),
                                                 least(causes.until_time, upper(whole)))) AS minutes
        FROM no_data_causes(of_person, lower(whole), upper(whole), at) AS causes
        WHERE causes.from_time < upper(whole) AND causes.until_time > lower(whole)
        GROUP BY causes.place, causes.kind
        ORDER BY causes.place
    LOOP
        FOREACH piece IN ARRAY coalesce((SELECT array_agg(one) FROM unnest(missing * cause.minutes) AS one), '{}')
        LOOP
            starts_at := lower(piece);
            ends_at := upper(piece);
            kind := cause.kind;
            RETURN NEXT;
        END LOOP;
        missing := missing - cause.minutes;
    END LOOP;
    RETURN QUERY SELECT lower(one), upper(one), 'unknown'::text FROM unnest(missing) AS one;
END
$$;

-- What may be the cause that minutes are missing, in the order in which they are believed.
CREATE FUNCTION no_data_causes(of_person integer, first_time timestamptz, end_time timestamptz, at timestamptz)
RETURNS TABLE (place integer, kind text, from_time timestamptz, until_time timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH sent AS (
        SELECT reading.time, reading.time + make_interval(secs => reading.period_s) AS ends_at, reading.worn,
               reading.device_id, reading.boot, reading.seq,
               lag(reading.time + make_interval(secs => reading.period_s)) OVER before AS ended_at,
               lag(reading.boot) OVER before AS boot_before, lag(reading.seq) OVER before AS seq_before
        FROM public.reading
        WHERE reading.person_id = of_person
          AND reading.time >= first_time - interval '2 days' AND reading.time < end_time + interval '2 days'
        WINDOW before AS (PARTITION BY reading.device_id ORDER BY reading.time)
    ), worn_by AS (
        SELECT range_agg(tstzrange(
                   assigned.from_time,
                   greatest(
                       assigned.from_time,
                       coalesce(least(device_assignment.valid_until, device.revoked_at), 'infinity')
                   )
               )) AS times,
               range_agg(tstzrange(
                   greatest(device_assignment.valid_from, device.revoked_at),
                   greatest(
                       device_assignment.valid_from, device.revoked_at,
                       coalesce(device_assignment.valid_until, 'infinity')
                   )
               )) FILTER (WHERE device.revoked_at IS NOT NULL) AS revoked
        FROM public.device_assignment JOIN public.device USING (device_id)
        CROSS JOIN LATERAL (
            -- An assignment reaches back before the device was enrolled, as far as there are readings.
            SELECT greatest(device_assignment.valid_from, least(device.created_at, (
                SELECT min(reading.time) FROM public.reading WHERE reading.person_id = of_person
            ))) AS from_time
        ) AS assigned
        WHERE device_assignment.person_id = of_person
    )
    SELECT 1, 'paused', pause.paused_from, coalesce(pause.paused_until, 'infinity')
    FROM public.pause WHERE pause.person_id = of_person
    UNION ALL
    SELECT 2, 'not_worn', sent.time, sent.ends_at FROM sent WHERE sent.worn = 0
    UNION ALL
    SELECT 3, 'device_revoked', lower(taken), upper(taken)
    FROM worn_by, unnest(worn_by.revoked - coalesce(worn_by.times, '{}'::tstzmultirange)) AS taken
    UNION ALL
    SELECT 4, 'not_assigned', lower(free), upper(free)
    FROM worn_by, unnest(
        tstzmultirange(tstzrange(first_time, end_time)) - coalesce(worn_by.times, '{}'::tstzmultirange)
    ) AS free
    UNION ALL
    SELECT CASE frame_gap.state WHEN 'lost_on_device' THEN 5 ELSE 6 END,
           CASE frame_gap.state WHEN 'lost_on_device' THEN 'lost_on_device' ELSE 'on_its_way' END,
           sent.ended_at, sent.time
    FROM sent JOIN public.frame_gap
        ON frame_gap.device_id = sent.device_id AND frame_gap.boot = sent.boot
       AND frame_gap.first_seq > sent.seq_before AND frame_gap.first_seq < sent.seq
    WHERE sent.boot = sent.boot_before AND sent.seq > sent.seq_before + 1
    UNION ALL
    SELECT 7, silence.reason, silence.silent_from, coalesce(silence.ended_at, 'infinity')
    FROM public.silence
    WHERE silence.person_id = of_person AND silence.reason NOT IN ('unknown', 'paused', 'not_assigned', 'device_revoked')
    UNION ALL
    SELECT 8, 'our_outage', outage.began_at, coalesce(outage.ended_at, 'infinity')
    FROM public.outage JOIN public.person ON person.person_id = of_person AND person.shard = ANY (outage.shards)
    WHERE coalesce(outage.ended_at, 'infinity') > first_time AND outage.began_at < end_time
    UNION ALL
    SELECT 9, 'restarted', sent.ended_at, sent.time FROM sent
    WHERE sent.boot <> sent.boot_before AND sent.time > sent.ended_at
    UNION ALL
    SELECT 10, CASE WHEN device_status.battery_percent <= 10 THEN 'flat_battery' ELSE 'no_network' END,
           device_status.changed_at, 'infinity'
    FROM public.device_status JOIN public.device_assignment USING (device_id)
    WHERE device_assignment.person_id = of_person AND NOT device_status.online
      AND device_status.changed_at >= device_assignment.valid_from
      AND coalesce(device_assignment.valid_until, 'infinity') > at
    UNION ALL
    SELECT 11, 'on_its_way', at - interval '3 minutes', 'infinity'
    WHERE NOT EXISTS (SELECT FROM public.silence WHERE silence.person_id = of_person AND silence.ended_at IS NULL);
END;

CREATE FUNCTION no_data_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz
)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT found.starts_at, found.ends_at, found.kind
    FROM public.no_data_of(viewed_person_id, first_time, end_time, at) AS found
    WHERE public.staff_may_see(viewer_staff_id, viewed_person_id, at)
    ORDER BY found.starts_at;
END;

-- What the people who run the service were told about it. Written by alerts only.
CREATE TABLE operations_notice (
    operations_notice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at timestamptz NOT NULL,
    noticed_at timestamptz NOT NULL,
    ended_at timestamptz,
    is_afterwards boolean NOT NULL,
    CHECK (ended_at >= began_at)
);
COMMENT ON COLUMN operations_notice.is_afterwards IS 'It was over before anybody could be told';

CREATE TABLE operations_delivery (
    operations_delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operations_notice_id bigint NOT NULL REFERENCES operations_notice,
    staff_id integer NOT NULL,
    channel text NOT NULL,
    address text NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    state text NOT NULL CHECK (state IN ('waiting', 'handed_over', 'given_up')),
    attempts integer NOT NULL DEFAULT 0,
    attempt_at timestamptz NOT NULL,
    lease_until timestamptz,
    handed_over_at timestamptz,
    last_error text
);
COMMENT ON COLUMN operations_delivery.staff_id IS '0 where the site has no administrator';
CREATE INDEX operations_delivery_due ON operations_delivery (attempt_at) WHERE state = 'waiting';

GRANT SELECT, INSERT, UPDATE ON operations_notice, operations_delivery TO tidewell_alerts;
GRANT SELECT ON operations_notice, operations_delivery TO tidewell_portal;
GRANT SELECT, INSERT, UPDATE ON device_status, silence, outage TO tidewell_ingest;
GRANT SELECT ON device_status, silence, outage TO tidewell_portal;
GRANT SELECT ON shard, outage TO tidewell_alerts;
REVOKE EXECUTE ON FUNCTION no_data_of, no_data_causes, no_data_for_staff, minutes_of, minutes_of_reading FROM PUBLIC;
GRANT EXECUTE ON FUNCTION no_data_for_staff TO tidewell_portal;
GRANT EXECUTE ON FUNCTION no_data_of, no_data_causes, minutes_of, minutes_of_reading TO tidewell_ingest;
