-- Who may see the rows of the newer tables about people, by the rules of migration 0023.

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY[
        'own_choice', 'channel_off', 'check_in', 'data_request', 'contact_log', 'support_note',
        'legal_hold', 'erasure'
    ]
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format(
            'CREATE POLICY works_on_everybody ON %I'
            ' TO tidewell_ingest, tidewell_alerts, tidewell_enrol, CURRENT_USER USING (true) WITH CHECK (true)',
            guarded
        );
    END LOOP;
END
$$;

-- What young people decide about their own information: whoever may see them reads it, they alone change it.
CREATE POLICY seen ON own_choice FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY theirs ON own_choice FOR INSERT TO tidewell_portal
    WITH CHECK (person_id = (SELECT viewer_person_id()));
CREATE POLICY theirs_to_change ON own_choice FOR UPDATE TO tidewell_portal
    USING (person_id = (SELECT viewer_person_id()));
CREATE POLICY seen ON channel_off FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY theirs ON channel_off FOR INSERT TO tidewell_portal
    WITH CHECK (person_id = (SELECT viewer_person_id()));
CREATE POLICY theirs_to_end ON channel_off FOR UPDATE TO tidewell_portal
    USING (person_id = (SELECT viewer_person_id()));
CREATE POLICY seen ON check_in FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY said_by_themselves ON check_in FOR INSERT TO tidewell_portal
    WITH CHECK (person_id = (SELECT viewer_person_id()));

-- They ask and may take it back; staff who may see them answer in their own name.
CREATE POLICY seen ON data_request FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY said_by_themselves ON data_request FOR INSERT TO tidewell_portal
    WITH CHECK (person_id = (SELECT viewer_person_id()) AND answered_at IS NULL);
CREATE POLICY taken_back_or_answered ON data_request FOR UPDATE TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]))
    WITH CHECK (
        (person_id = (SELECT viewer_person_id()) AND answered_at IS NULL)
        OR (
            person_id = ANY ((SELECT viewer_people())::integer[])
            AND answered_by = (SELECT viewer_staff_id()) AND taken_back_at IS NULL
        )
    );

-- What administrators see of them: that they are there and since when, and no word.
CREATE FUNCTION data_requests_due(most integer) RETURNS TABLE (label text, kind text, asked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT person.label, data_request.kind, data_request.asked_at
    FROM public.data_request JOIN public.person USING (person_id)
    WHERE public.viewer_is_admin()
      AND data_request.taken_back_at IS NULL AND data_request.answered_at IS NULL
    ORDER BY data_request.asked_at
    LIMIT most;
END;

-- The record of a person: written in one's own name, about those whom one may see.
CREATE POLICY seen ON contact_log FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY written_by_themselves ON contact_log FOR INSERT TO tidewell_portal
    WITH CHECK (
        staff_id = (SELECT viewer_staff_id()) AND person_id = ANY ((SELECT viewer_people())::integer[])
    );
CREATE POLICY seen ON support_note FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY written_by_themselves ON support_note FOR INSERT TO tidewell_portal
    WITH CHECK (
        staff_id = (SELECT viewer_staff_id()) AND person_id = ANY ((SELECT viewer_people())::integer[])
    );

-- A young person who downloads everything writes that down themselves; an administrator who opens the page of
-- somebody who is enrolled does so in their own name.
CREATE POLICY looked_at_own ON access_log FOR INSERT TO tidewell_portal
    WITH CHECK (staff_id IS NULL AND person_id = (SELECT viewer_person_id()));
CREATE POLICY looked_as_admin ON access_log FOR INSERT TO tidewell_portal
    WITH CHECK (staff_id = (SELECT viewer_staff_id()) AND (SELECT viewer_is_admin()));

-- What was refused of one's own devices while they were one's own, for one's own copy.
CREATE FUNCTION dead_letters_for_themselves(viewer_person_id integer)
RETURNS TABLE (
    received_at timestamptz, device_id integer, boot bigint, seq bigint, reason text, detail text, payload text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT dead_letter.received_at, dead_letter.device_id, dead_letter.boot, dead_letter.seq, dead_letter.reason,
        dead_letter.detail, encode(dead_letter.payload, 'escape')
    FROM public.dead_letter
    WHERE viewer_person_id = public.viewer_person_id() AND EXISTS (
        SELECT FROM public.device_assignment AS mine
        WHERE mine.person_id = viewer_person_id AND mine.device_id = dead_letter.device_id
          AND dead_letter.received_at >= mine.valid_from
          AND dead_letter.received_at < coalesce(mine.valid_until, 'infinity')
    )
    ORDER BY dead_letter.dead_letter_id;
END;

-- No page of the portal's role reads them.
REVOKE SELECT ON erasure, legal_hold FROM tidewell_portal;

REVOKE EXECUTE ON FUNCTION data_requests_due, dead_letters_for_themselves FROM PUBLIC;
GRANT EXECUTE ON FUNCTION data_requests_due, dead_letters_for_themselves TO tidewell_portal;

-- Who looked is written once and never changed, and each entry vouches for the one before it: its seal is the
-- SHA-256 of the seal before and of the entry in plain characters. Looks do not wait for one another: what is
-- written waits here until it is sealed, within seconds, by whoever does that at the time.
CREATE TABLE access_seal (
    seal_number bigint PRIMARY KEY,
    access_id bigint NOT NULL UNIQUE,
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
COMMENT ON TABLE access_seal IS 'Seals have the numbers 1, 2, 3 and so on without a gap';

CREATE TABLE access_waiting (access_id bigint PRIMARY KEY);

-- The entry in plain characters, without two ways to read them.
CREATE FUNCTION access_entry(entry access_log) RETURNS text LANGUAGE sql STABLE
RETURN concat_ws(
    '|', (entry).access_id, trunc(extract(epoch FROM (entry).at) * 1000000)::bigint, (entry).person_id,
    coalesce((entry).staff_id::text, '-'), (entry).looked_at
);

CREATE FUNCTION note_looks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO access_waiting SELECT added.access_id FROM added;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_looks AFTER INSERT ON access_log REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_looks();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once: nothing in it is changed or taken away', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON access_seal
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Seals what waits, the oldest first, and returns how many there were. Where another process is at it, none.
CREATE FUNCTION seal_looks(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    entry access_log;
    last_number bigint;
    last_hash bytea;
    sealed integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('tidewell.access_seal', 0)) THEN
        RETURN 0;
    END IF;
    SELECT access_seal.seal_number, access_seal.hash INTO last_number, last_hash
    FROM access_seal ORDER BY access_seal.seal_number DESC LIMIT 1;
    last_number := coalesce(last_number, 0);
    last_hash := coalesce(last_hash, '');
    FOR entry IN
        SELECT access_log.* FROM access_waiting JOIN access_log USING (access_id)
        ORDER BY access_log.access_id LIMIT most
    LOOP
        last_number := last_number + 1;
        last_hash := sha256(last_hash || convert_to(access_entry(entry), 'UTF8'));
        INSERT INTO access_seal VALUES (last_number, entry.access_id, last_hash);
        DELETE FROM access_waiting WHERE access_waiting.access_id = entry.access_id;
        sealed := sealed + 1;
    END LOOP;
    RETURN sealed;
END
$$;

REVOKE EXECUTE ON FUNCTION seal_looks FROM PUBLIC;
GRANT EXECUTE ON FUNCTION seal_looks TO tidewell_portal;

-- What was written before there were seals.
INSERT INTO access_waiting SELECT access_id FROM access_log;
SELECT seal_looks(2147483647);

-- Who looked at whom, for administrators: numbers, and people by their label. A look is without a reason where
-- the person was not theirs to see at that moment; administrators look at who is enrolled and need none.
CREATE FUNCTION looks_between(first_time timestamptz, end_time timestamptz, most integer)
RETURNS TABLE (
    staff_name text, staff_role text, person_label text, looks bigint, without_reason bigint, out_of_hours bigint,
    last_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT staff.display_name, staff.role, coalesce(person.label, 'erased ' || looked.person_id),
        sum(looked.looks)::bigint,
        coalesce(sum(looked.looks) FILTER (
            WHERE staff.role <> 'admin' AND NOT public.staff_may_see(looked.staff_id, looked.person_id, looked.last_at)
        ), 0)::bigint,
        coalesce(sum(looked.looks) FILTER (
            WHERE extract(isodow FROM looked.hour AT TIME ZONE 'Europe/London') > 5
               OR extract(hour FROM looked.hour AT TIME ZONE 'Europe/London') NOT BETWEEN 8 AND 17
        ), 0)::bigint,
        max(looked.last_at)
    FROM (
        SELECT access_log.staff_id, access_log.person_id, date_trunc('hour', access_log.at) AS hour,
            count(*) AS looks, max(access_log.at) AS last_at
        FROM public.access_log
        WHERE access_log.at >= first_time AND access_log.at < end_time AND access_log.staff_id IS NOT NULL
          AND public.viewer_is_admin()
        GROUP BY 1, 2, 3
    ) AS looked
    JOIN public.staff ON staff.staff_id = looked.staff_id
    LEFT JOIN public.person ON person.person_id = looked.person_id
    GROUP BY staff.staff_id, staff.display_name, staff.role, looked.person_id, person.label
    ORDER BY 5 DESC, 6 DESC, 4 DESC, 1, 3
    LIMIT most;
END;
CREATE INDEX access_log_by_time ON access_log (at);

REVOKE EXECUTE ON FUNCTION looks_between FROM PUBLIC;
GRANT EXECUTE ON FUNCTION looks_between TO tidewell_portal;
