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
