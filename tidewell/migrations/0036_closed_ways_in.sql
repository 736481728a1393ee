-- Ways in that are closed stay closed, and functions that work with the rights of their owner read our tables only.

-- Everything by which somebody could still be inside, or get in again: their programs and their calendar too.
CREATE OR REPLACE FUNCTION end_ways_in(which text, at timestamptz)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    UPDATE public.session SET ended_at = at WHERE username = which AND ended_at IS NULL;
    UPDATE public.known_device SET ended_at = at WHERE username = which AND ended_at IS NULL;
    UPDATE public.sign_in_link SET voided_at = at
    WHERE username = which AND used_at IS NULL AND voided_at IS NULL;
    UPDATE public.api_token SET revoked_at = at WHERE username = which AND revoked_at IS NULL;
    UPDATE public.calendar_feed SET revoked_at = at
    FROM public.sign_in
    WHERE sign_in.username = which AND calendar_feed.staff_id = sign_in.staff_id
      AND calendar_feed.revoked_at IS NULL;
END;

-- An answer to what somebody asked about their information is for those to whom their pages open. Its words stand in
-- the alert that they raised, so whoever was asked about that alert still reads them there.
ALTER POLICY taken_back_or_answered ON data_request
    USING (
        person_id = (SELECT viewer_person_id())
        OR person_id IN (
            SELECT open_now.person_id FROM people_open_to(
                viewer_staff_id(), nullif(current_setting('tidewell.viewer_at', true), '')::timestamptz
            ) AS open_now
        )
    );

-- PostgreSQL looks for a table among the temporary ones first, unless it is told when. A function with the rights of
-- its owner would take a temporary table of its caller's for ours, and run what its caller tied to it.
DO $$
DECLARE
    definer regprocedure;
BEGIN
    FOR definer IN
        SELECT pg_proc.oid FROM pg_proc
        WHERE pg_proc.prosecdef AND pg_proc.pronamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend
            WHERE pg_depend.classid = 'pg_proc'::regclass AND pg_depend.objid = pg_proc.oid
              AND pg_depend.deptype = 'e'
        )
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', definer);
    END LOOP;
END
$$;
