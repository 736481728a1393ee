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
