-- Who may see the rows of how many: the same people as before, looked up in a table of them and not compared with
-- one after the other. Whoever looks after a thousand people waited for a million comparisons with every list:
-- a constant list is looked up, and whom a viewer may see is known only when the query runs.

-- A person may be among those whom the viewer sees. `IN` makes the database hash them once a query; one at a time
-- is what `ANY` of an array does, and is right where a statement writes a single row.
DO $$
DECLARE
    guarded text;
    theirs CONSTANT text := 'person_id IN (SELECT unnest(viewer_people()))';
BEGIN
    -- What says how somebody is, and what they said and decided. No administrator sees a row of these.
    FOREACH guarded IN ARRAY ARRAY[
        'plan_limit', 'daily_feature', 'episode', 'silence', 'repair', 'detector_signal', 'alert', 'context_note',
        'own_choice', 'channel_off', 'check_in', 'data_request', 'contact_log', 'support_note'
    ]
    LOOP
        EXECUTE format('ALTER POLICY seen ON %I USING (%s)', guarded, theirs);
    END LOOP;
    -- What says who there is.
    FOREACH guarded IN ARRAY ARRAY['person', 'identity', 'assignment', 'device_assignment', 'pause']
    LOOP
        EXECUTE format('ALTER POLICY seen ON %I USING (%s OR (SELECT viewer_is_admin()))', guarded, theirs);
    END LOOP;
    EXECUTE format(
        'ALTER POLICY seen ON concern USING (%s OR staff_id = (SELECT viewer_staff_id()))', theirs
    );
    -- A list of hundreds of people is hundreds of looks in one statement.
    EXECUTE format(
        'ALTER POLICY looked_themselves ON access_log'
        ' WITH CHECK (staff_id = (SELECT viewer_staff_id()) AND %s)', theirs
    );
END
$$;

-- Whom a member of staff was asked about counts while the alert is open and for a day after. That is asked at the
-- start of every transaction of the pages: of what is open or was closed lately, and not of all that was ever sent.
CREATE INDEX alert_by_closing ON alert (closed_at);

-- Who looked at whom, as before. Most looks are at people whom the viewer was assigned to, which a row of the index
-- says; the whole rule is asked of the others only. What administrators changed and what was opened in need are no
-- looks and stand beside them.
CREATE OR REPLACE FUNCTION looks_between(first_time timestamptz, end_time timestamptz, most integer)
RETURNS TABLE (
    staff_name text, staff_role text, person_label text, looks bigint, without_reason bigint, out_of_hours bigint,
    last_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT staff.display_name, staff.role, coalesce(person.label, 'erased ' || looked.person_id),
        sum(looked.looks)::bigint,
        coalesce(sum(looked.looks) FILTER (
            WHERE staff.role <> 'admin' AND NOT CASE
                WHEN EXISTS (
                    SELECT FROM public.assignment
                    WHERE assignment.staff_id = looked.staff_id AND assignment.person_id = looked.person_id
                      AND assignment.valid_from <= looked.last_at
                      AND (assignment.valid_until IS NULL OR assignment.valid_until > looked.last_at)
                ) THEN true
                ELSE public.staff_may_see(looked.staff_id, looked.person_id, looked.last_at)
            END
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
          AND access_log.content_hash IS NULL AND access_log.looked_at <> 'reason_read'
          AND public.viewer_is_admin()
        GROUP BY 1, 2, 3
    ) AS looked
    JOIN public.staff ON staff.staff_id = looked.staff_id
    LEFT JOIN public.person ON person.person_id = looked.person_id
    GROUP BY staff.staff_id, staff.display_name, staff.role, looked.person_id, person.label
    ORDER BY 5 DESC, 6 DESC, 4 DESC, 1, 3
    LIMIT most;
END;
