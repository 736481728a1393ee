-- Who may see which rows. The pages say at the start of each transaction who is looking (`look_as`); every row
-- that is about a person is there for them only as far as the policies here let it be. A transaction in which
-- nobody was said to look sees none of them. The other processes work on everybody: their policies say so, and
-- their grants say on what. FORCE, so that owning a table shows nothing that no policy shows.

-- Whom a member of staff may see at a moment: those they are assigned to, those of whom they accepted to cover,
-- and those about whom they were asked, while that alert is open and for a day after. `staff_may_see` is the
-- same rule for one person.
CREATE FUNCTION people_seen_by(viewer integer, at timestamptz) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT assignment.person_id FROM public.assignment
    WHERE assignment.staff_id = viewer
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
    UNION
    SELECT assignment.person_id FROM public.cover
    JOIN public.assignment ON assignment.staff_id = cover.away_staff_id
    WHERE cover.cover_staff_id = viewer AND cover.accepted_at <= at
      AND cover.valid_from <= at AND cover.valid_until > at
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
    UNION
    SELECT alert.person_id FROM public.delivery
    JOIN public.alert ON alert.alert_id = delivery.alert_id
    WHERE delivery.staff_id = viewer
      AND (alert.closed_at IS NULL OR alert.closed_at > at - interval '1 day');
END;

-- The other way round: who may see a person, for what is handed on to open pages.
CREATE FUNCTION staff_who_see(viewed integer, at timestamptz) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT assignment.staff_id FROM public.assignment
    WHERE assignment.person_id = viewed
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
    UNION
    SELECT cover.cover_staff_id FROM public.assignment
    JOIN public.cover ON cover.away_staff_id = assignment.staff_id
    WHERE assignment.person_id = viewed AND cover.accepted_at <= at
      AND cover.valid_from <= at AND cover.valid_until > at
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
    UNION
    SELECT delivery.staff_id FROM public.alert
    JOIN public.delivery ON delivery.alert_id = alert.alert_id
    WHERE alert.person_id = viewed
      AND (alert.closed_at IS NULL OR alert.closed_at > at - interval '1 day');
END;

-- Says who is looking, for this transaction and no longer: one of a member of staff and a young person. Whom they
-- may see is found once, at its start; what they are is read here and is not for the caller to say.
CREATE FUNCTION look_as(staff integer, young_person integer, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    people integer[] := CASE
        WHEN num_nonnulls(staff, young_person) <> 1 THEN '{}'
        WHEN young_person IS NOT NULL THEN ARRAY[young_person]
        ELSE ARRAY(SELECT people_seen_by(staff, at))
    END;
BEGIN
    PERFORM set_config('tidewell.viewer_staff_id', coalesce(staff::text, ''), true),
        set_config('tidewell.viewer_person_id', coalesce(young_person::text, ''), true),
        set_config('tidewell.viewer_at', at::text, true),
        set_config('tidewell.viewer_people', people::text, true),
        set_config('tidewell.viewer_role', coalesce(
            (SELECT one.role FROM public.staff AS one WHERE one.staff_id = look_as.staff), ''
        ), true);
END
$$;

-- What `look_as` said. Once a setting was there, it is empty and not NULL in the next transaction.
CREATE FUNCTION viewer_staff_id() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('tidewell.viewer_staff_id', true), '')::integer;
CREATE FUNCTION viewer_person_id() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('tidewell.viewer_person_id', true), '')::integer;
CREATE FUNCTION viewer_people() RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('tidewell.viewer_people', true), '')::integer[];
CREATE FUNCTION viewer_is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('tidewell.viewer_role', true), '') = 'admin';

CREATE INDEX device_assignment_by_person ON device_assignment (person_id);

-- Every table with rows about a person, one by one or by way of another table.
DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY[
        'person', 'identity', 'assignment', 'device_assignment', 'plan_limit',
        'daily_feature', 'episode', 'episode_event', 'silence', 'repair', 'detector_signal',
        'alert', 'alert_event', 'alert_intake', 'concern_intake', 'delivery',
        'alert_action', 'concern', 'context_note', 'pause', 'access_log'
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

-- What says who there is. An administrator enrols people and names who looks after them.
CREATE POLICY seen ON person FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]) OR (SELECT viewer_is_admin()));
CREATE POLICY seen ON identity FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]) OR (SELECT viewer_is_admin()));
CREATE POLICY seen ON assignment FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]) OR (SELECT viewer_is_admin()));
CREATE POLICY seen ON device_assignment FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]) OR (SELECT viewer_is_admin()));

-- What says how somebody is. No administrator sees a row of these.
CREATE POLICY seen ON plan_limit FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY seen ON daily_feature FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY seen ON episode FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY seen ON episode_event FOR SELECT TO tidewell_portal
    USING (EXISTS (SELECT FROM episode WHERE episode.episode_id = episode_event.episode_id));
CREATE POLICY seen ON silence FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY seen ON repair FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY seen ON detector_signal FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));

-- Alerts, and what goes with one.
CREATE POLICY seen ON alert FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY seen ON alert_event FOR SELECT TO tidewell_portal
    USING (EXISTS (SELECT FROM alert WHERE alert.alert_id = alert_event.alert_id));
CREATE POLICY seen ON delivery FOR SELECT TO tidewell_portal
    USING (EXISTS (SELECT FROM alert WHERE alert.alert_id = delivery.alert_id));
CREATE POLICY seen ON alert_action FOR SELECT TO tidewell_portal
    USING (EXISTS (SELECT FROM alert WHERE alert.alert_id = alert_action.alert_id));
CREATE POLICY asked_by_themselves ON alert_action FOR INSERT TO tidewell_portal
    WITH CHECK (
        staff_id = (SELECT viewer_staff_id())
        AND EXISTS (SELECT FROM alert WHERE alert.alert_id = alert_action.alert_id)
    );

-- What people say, in their own name. Whoever works with people may be worried about any of them: what they
-- wrote they may read.
CREATE POLICY seen ON concern FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]) OR staff_id = (SELECT viewer_staff_id()));
CREATE POLICY said_by_themselves ON concern FOR INSERT TO tidewell_portal
    WITH CHECK (
        staff_id = (SELECT viewer_staff_id())
        OR (staff_id IS NULL AND person_id = (SELECT viewer_person_id()))
    );
CREATE POLICY seen ON concern_intake FOR SELECT TO tidewell_portal
    USING (EXISTS (SELECT FROM concern WHERE concern.concern_id = concern_intake.concern_id));
CREATE POLICY seen ON context_note FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]));
CREATE POLICY said_by_themselves ON context_note FOR INSERT TO tidewell_portal
    WITH CHECK (
        person_id = ANY ((SELECT viewer_people())::integer[])
        AND (
            staff_id = (SELECT viewer_staff_id())
            OR (staff_id IS NULL AND person_id = (SELECT viewer_person_id()))
        )
    );
CREATE POLICY taken_back_by_themselves ON context_note FOR UPDATE TO tidewell_portal
    USING (
        person_id = ANY ((SELECT viewer_people())::integer[])
        AND (
            staff_id = (SELECT viewer_staff_id())
            OR (staff_id IS NULL AND person_id = (SELECT viewer_person_id()))
        )
    );

-- A young person pauses; so does an administrator whom they asked to.
CREATE POLICY seen ON pause FOR SELECT TO tidewell_portal
    USING (person_id = ANY ((SELECT viewer_people())::integer[]) OR (SELECT viewer_is_admin()));
CREATE POLICY theirs ON pause FOR INSERT TO tidewell_portal
    WITH CHECK (person_id = (SELECT viewer_person_id()) OR (SELECT viewer_is_admin()));
CREATE POLICY theirs_to_end ON pause FOR UPDATE TO tidewell_portal
    USING (person_id = (SELECT viewer_person_id()) OR (SELECT viewer_is_admin()));

-- Looks: a young person reads who looked at them, a member of staff their own; and writes those only.
CREATE POLICY seen ON access_log FOR SELECT TO tidewell_portal
    USING (person_id = (SELECT viewer_person_id()) OR staff_id = (SELECT viewer_staff_id()));
CREATE POLICY looked_themselves ON access_log FOR INSERT TO tidewell_portal
    WITH CHECK (
        staff_id = (SELECT viewer_staff_id()) AND person_id = ANY ((SELECT viewer_people())::integer[])
    );

-- Readings have no row security, because a hypertable cannot; their functions ask for who is looking instead.
CREATE OR REPLACE FUNCTION readings_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz
)
RETURNS SETOF reading LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT reading.* FROM public.reading
    WHERE reading.person_id = viewed_person_id AND reading.time >= first_time AND reading.time < end_time
      AND viewer_staff_id = public.viewer_staff_id()
      AND public.staff_may_see(viewer_staff_id, viewed_person_id, at);
END;

CREATE OR REPLACE FUNCTION readings_for_themselves(
    viewer_person_id integer, first_time timestamptz, end_time timestamptz
)
RETURNS SETOF reading LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT reading.* FROM public.reading
    WHERE reading.person_id = viewer_person_id AND reading.time >= first_time AND reading.time < end_time
      AND viewer_person_id = public.viewer_person_id();
END;

CREATE OR REPLACE FUNCTION no_data_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz
)
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz, kind text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT found.starts_at, found.ends_at, found.kind
    FROM public.no_data_of(viewed_person_id, first_time, end_time, at) AS found
    WHERE viewer_staff_id = public.viewer_staff_id()
      AND public.staff_may_see(viewer_staff_id, viewed_person_id, at)
    ORDER BY found.starts_at;
END;

-- What a young person is called, to whoever holds the token of their session: the gate asks before it knows who
-- is looking.
CREATE FUNCTION name_in_session(held_token_hash bytea) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT coalesce(identity.preferred_name, person.label)
    FROM public.session
    JOIN public.sign_in USING (username)
    JOIN public.person USING (person_id)
    LEFT JOIN public.identity USING (person_id)
    WHERE session.token_hash = held_token_hash AND session.ended_at IS NULL;
END;

-- What happened to alerts, for the feed of all open pages: a number, a kind and who may know.
CREATE FUNCTION newest_alert_event() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
RETURN (SELECT coalesce(max(alert_event.alert_event_id), 0) FROM public.alert_event);

CREATE FUNCTION alert_events_after(known bigint, at timestamptz, most integer)
RETURNS TABLE (alert_event_id bigint, public_id text, kind text, staff_ids integer[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT alert_event.alert_event_id, alert.public_id, alert_event.kind,
        ARRAY(SELECT public.staff_who_see(alert.person_id, alert_events_after.at))
    FROM public.alert_event
    JOIN public.alert ON alert.alert_id = alert_event.alert_id
    WHERE alert_event.alert_event_id > known
    ORDER BY alert_event.alert_event_id
    LIMIT most;
END;

-- Numbers of the service for administrators, who see none of the rows behind them.
CREATE FUNCTION service_open_episodes() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
RETURN (SELECT count(*) FROM public.episode WHERE episode.closed_at IS NULL);

CREATE FUNCTION service_waiting_actions() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
RETURN (
    SELECT count(*) FROM public.alert_action WHERE NOT EXISTS (
        SELECT FROM public.alert_event WHERE alert_event.alert_action_id = alert_action.alert_action_id
    )
);

CREATE FUNCTION service_open_silences() RETURNS TABLE (name text, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT silence.reason, count(*) FROM public.silence WHERE silence.ended_at IS NULL
    GROUP BY silence.reason ORDER BY 2 DESC, 1;
END;

CREATE FUNCTION service_open_alerts() RETURNS TABLE (name text, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT alert.level || ' / ' || alert.state, count(*)
    FROM public.alert WHERE alert.state <> 'closed' AND alert.person_id <> 0
    GROUP BY alert.level, alert.state
    ORDER BY array_position(ARRAY['check_now', 'check_today', 'for_review'], alert.level), alert.state;
END;

CREATE FUNCTION service_deliveries() RETURNS TABLE (name text, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT delivery.channel || ' / ' || delivery.state, count(*)
    FROM public.delivery WHERE delivery.channel <> 'probe'
    GROUP BY delivery.channel, delivery.state ORDER BY delivery.channel, delivery.state;
END;

CREATE FUNCTION service_refusals() RETURNS TABLE (name text, number bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT dead_letter.reason, count(*) FROM public.dead_letter
    GROUP BY dead_letter.reason ORDER BY 2 DESC, 1;
END;

-- How alerts did: one row for all, and for each level, rule and team. A team is that of the key worker when the
-- alert was raised; what a limit of the plan raised is a rule of its own.
CREATE FUNCTION alert_health_groups(first_time timestamptz, end_time timestamptz)
RETURNS TABLE (
    kind text, name text, alerts bigint, closed bigint, out_of_hours bigint, held bigint, escalated bigint,
    unanswered bigint, right_ones bigint, wrong_ones bigint, not_reached bigint, accept_s double precision[],
    close_s double precision[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH chosen AS MATERIALIZED (
        SELECT alert.level, alert.state, alert.outcome, alert.raised_at, alert.closed_at,
            alert.cause || CASE WHEN episode.strand LIKE 'limit%' THEN ' limit' ELSE '' END AS rule,
            coalesce(worker.team, '') AS team, story.accepted_at,
            coalesce(story.is_held, false) AS is_held,
            coalesce(story.is_escalated, false) AS is_escalated,
            extract(isodow FROM alert.raised_at AT TIME ZONE person.timezone) > 5
                OR extract(hour FROM alert.raised_at AT TIME ZONE person.timezone) NOT BETWEEN 8 AND 17
                AS is_out_of_hours
        FROM public.alert
        JOIN public.person USING (person_id)
        LEFT JOIN public.episode USING (episode_id)
        LEFT JOIN LATERAL (
            SELECT team.name AS team FROM public.assignment
            JOIN public.staff USING (staff_id)
            JOIN public.team USING (team_id)
            WHERE assignment.person_id = alert.person_id AND assignment.kind = 'key_worker'
              AND assignment.valid_from <= alert.raised_at
              AND (assignment.valid_until IS NULL OR assignment.valid_until > alert.raised_at)
            LIMIT 1
        ) AS worker ON true
        LEFT JOIN LATERAL (
            SELECT min(at) FILTER (WHERE kind IN ('accepted', 'snoozed')) AS accepted_at,
                bool_or(kind = 'held') AS is_held,
                bool_or(kind IN ('escalated', 'overdue')) AS is_escalated
            FROM public.alert_event WHERE alert_event.alert_id = alert.alert_id
        ) AS story ON true
        WHERE alert.raised_at >= first_time AND alert.raised_at < end_time
    )
    SELECT CASE GROUPING(level, rule, team)
            WHEN 7 THEN 'all' WHEN 3 THEN 'level' WHEN 5 THEN 'rule' ELSE 'team'
        END AS kind,
        coalesce(level, rule, team, '') AS name,
        count(*) AS alerts,
        count(*) FILTER (WHERE state = 'closed') AS closed,
        count(*) FILTER (WHERE is_out_of_hours) AS out_of_hours,
        count(*) FILTER (WHERE is_held) AS held,
        count(*) FILTER (WHERE is_escalated) AS escalated,
        count(*) FILTER (WHERE accepted_at IS NULL AND state <> 'closed') AS unanswered,
        count(*) FILTER (WHERE outcome IN ('support_needed', 'already_known')) AS right_ones,
        count(*) FILTER (WHERE outcome IN ('all_fine', 'data_was_wrong')) AS wrong_ones,
        count(*) FILTER (WHERE outcome = 'could_not_reach') AS not_reached,
        percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
            ORDER BY extract(epoch FROM accepted_at - raised_at)::double precision
        ) AS accept_s,
        percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
            ORDER BY extract(epoch FROM closed_at - raised_at)::double precision
        ) AS close_s
    FROM chosen
    GROUP BY GROUPING SETS ((), (level), (rule), (team))
    ORDER BY 1, alerts DESC, 2;
END;

-- How many people there were, and for how many days, in all and by the team of their key worker at the end.
CREATE FUNCTION alert_health_people(first_time timestamptz, end_time timestamptz)
RETURNS TABLE (team text, is_all boolean, people bigint, person_days double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT team.name AS team, GROUPING(team.name) = 1 AS is_all, count(*) AS people,
        sum(extract(epoch FROM end_time - greatest(person.created_at, first_time)))::double precision / 86400
            AS person_days
    FROM public.person
    LEFT JOIN public.assignment ON assignment.person_id = person.person_id AND assignment.kind = 'key_worker'
        AND assignment.valid_from <= end_time
        AND (assignment.valid_until IS NULL OR assignment.valid_until > end_time)
    LEFT JOIN public.staff USING (staff_id)
    LEFT JOIN public.team USING (team_id)
    WHERE person.created_at < end_time
    GROUP BY GROUPING SETS ((), (team.name))
    ORDER BY 2, 1;
END;

-- Who was asked and whom no message reached. The console of the service reaches nobody.
CREATE FUNCTION alert_health_unreached(first_time timestamptz, end_time timestamptz, most integer)
RETURNS TABLE (name text, alerts bigint, has_no_address boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT staff.display_name AS name, count(DISTINCT delivery.alert_id) AS alerts,
        bool_and(delivery.channel = 'console') AS has_no_address
    FROM public.delivery
    JOIN public.alert USING (alert_id)
    JOIN public.staff USING (staff_id)
    WHERE alert.raised_at >= first_time AND alert.raised_at < end_time AND alert.person_id <> 0
    GROUP BY staff.staff_id, staff.display_name
    HAVING NOT bool_or(delivery.state = 'handed_over' AND delivery.channel <> 'console')
    ORDER BY alerts DESC, name
    LIMIT most;
END;

REVOKE EXECUTE ON FUNCTION people_seen_by, staff_who_see, look_as, name_in_session, newest_alert_event,
    alert_events_after, service_open_episodes, service_waiting_actions, service_open_silences,
    service_open_alerts, service_deliveries, service_refusals, alert_health_groups, alert_health_people,
    alert_health_unreached FROM PUBLIC;
GRANT EXECUTE ON FUNCTION look_as, name_in_session, newest_alert_event, alert_events_after,
    service_open_episodes, service_waiting_actions, service_open_silences, service_open_alerts,
    service_deliveries, service_refusals, alert_health_groups, alert_health_people, alert_health_unreached
    TO tidewell_portal;

-- A refused frame may hold readings.
REVOKE SELECT ON dead_letter FROM tidewell_portal;
