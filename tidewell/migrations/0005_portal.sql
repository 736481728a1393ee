-- What people do on the pages. Written by the portal only.

-- What somebody asked of an alert; alerts folds it in and then acts.
CREATE TABLE alert_action (
    alert_action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL,
    staff_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('accept', 'close')),
    outcome text,
    note text NOT NULL DEFAULT '',
    at timestamptz NOT NULL,
    CHECK ((kind = 'close') = (outcome IS NOT NULL))
);

CREATE INDEX alert_action_by_alert ON alert_action (alert_id);

-- A young person stopped the collection; what their device sends in between is not kept.
CREATE TABLE pause (
    pause_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    paused_from timestamptz NOT NULL,
    paused_until timestamptz,
    CHECK (paused_until > paused_from)
);
CREATE INDEX pause_by_person ON pause (person_id, paused_from);

CREATE TABLE session (
    token_hash bytea PRIMARY KEY,
    username text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    ended_at timestamptz
);

-- Every look at a person, so that they can see who looked.
CREATE TABLE access_log (
    access_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    person_id integer NOT NULL,
    staff_id integer,
    looked_at text NOT NULL
);
CREATE INDEX access_log_by_person ON access_log (person_id, at);

-- Readings for the pages: only through these, and only for who may see the person at that time.
CREATE FUNCTION staff_may_see(viewer_staff_id integer, viewed_person_id integer, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
RETURN EXISTS (
    SELECT FROM public.assignment
    WHERE assignment.staff_id = viewer_staff_id AND assignment.person_id = viewed_person_id
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
);

CREATE FUNCTION readings_for_staff(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz,
    first_time timestamptz, end_time timestamptz
)
RETURNS SETOF reading LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT reading.* FROM public.reading
    WHERE reading.person_id = viewed_person_id AND reading.time >= first_time AND reading.time < end_time
      AND public.staff_may_see(viewer_staff_id, viewed_person_id, at);
END;

CREATE FUNCTION readings_for_themselves(viewer_person_id integer, first_time timestamptz, end_time timestamptz)
RETURNS SETOF reading LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT reading.* FROM public.reading
    WHERE reading.person_id = viewer_person_id AND reading.time >= first_time AND reading.time < end_time;
END;
