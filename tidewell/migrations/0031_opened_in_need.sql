-- Pages that a member of staff opened in need: somebody is at risk, and nobody who is assigned can be reached. It
-- opens one person to one member of staff for a few hours, with a reason, and never longer. Also: changes by
-- administrators stand in the log of who looked, each with the hash of what it says.

-- What was said when an entry was written, as a hash: the entry stays when the person is erased, its words do not.
ALTER TABLE access_log
    ADD COLUMN admin_change_id bigint UNIQUE,
    ADD COLUMN opening_id bigint,
    ADD COLUMN content_hash bytea CHECK (length(content_hash) = 32),
    ALTER COLUMN person_id DROP NOT NULL,
    ADD CHECK (person_id IS NOT NULL OR admin_change_id IS NOT NULL),
    ADD CHECK (num_nonnulls(admin_change_id, opening_id) = num_nonnulls(content_hash));
COMMENT ON COLUMN access_log.person_id IS 'None where an administrator changed something that is about no young person';
COMMENT ON COLUMN access_log.content_hash IS 'SHA-256 of the change or the opening that the entry is about, in plain characters';

-- An entry without content reads as it always did, so that earlier seals hold.
CREATE OR REPLACE FUNCTION access_entry(entry access_log) RETURNS text LANGUAGE sql STABLE
RETURN concat_ws(
    '|', (entry).access_id, trunc(extract(epoch FROM (entry).at) * 1000000)::bigint,
    coalesce((entry).person_id::text, '-'), coalesce((entry).staff_id::text, '-'), (entry).looked_at,
    encode((entry).content_hash, 'hex')
);

-- Every change by an administrator is an entry, whoever writes it: a change without one is not possible.
CREATE FUNCTION note_admin_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO access_log (at, person_id, staff_id, looked_at, admin_change_id, content_hash)
    SELECT added.at, added.person_id, added.staff_id,
        CASE
            WHEN added.kind IN ('key_worker_changed', 'clinician_assigned', 'assignment_ended')
                THEN 'changed_workers'
            WHEN added.kind IN ('agreement_recorded', 'competence_recorded', 'sharing_recorded')
                THEN 'changed_agreement'
            ELSE 'changed'
        END,
        added.admin_change_id,
        sha256(convert_to(concat_ws(
            '|', 'change', added.admin_change_id, trunc(extract(epoch FROM added.at) * 1000000)::bigint,
            added.staff_id, added.kind, coalesce(added.person_id::text, '-'),
            coalesce(added.about_staff_id::text, '-'), added.detail
        ), 'UTF8'))
    FROM added ORDER BY added.admin_change_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER note_admin_changes AFTER INSERT ON admin_change REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION note_admin_changes();
CREATE TRIGGER written_once BEFORE UPDATE ON admin_change
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What was changed before, as it stands now.
INSERT INTO access_log (at, person_id, staff_id, looked_at, admin_change_id, content_hash)
SELECT former.at, former.person_id, former.staff_id,
    CASE
        WHEN former.kind IN ('key_worker_changed', 'clinician_assigned', 'assignment_ended') THEN 'changed_workers'
        WHEN former.kind IN ('agreement_recorded', 'competence_recorded', 'sharing_recorded')
            THEN 'changed_agreement'
        ELSE 'changed'
    END,
    former.admin_change_id,
    sha256(convert_to(concat_ws(
        '|', 'change', former.admin_change_id, trunc(extract(epoch FROM former.at) * 1000000)::bigint,
        former.staff_id, former.kind, coalesce(former.person_id::text, '-'),
        coalesce(former.about_staff_id::text, '-'), former.detail
    ), 'UTF8'))
FROM admin_change AS former ORDER BY former.admin_change_id;
SELECT seal_looks(2147483647);

-- One row for each opening. The pages write it through the functions below and in no other way.
CREATE TABLE opening (
    opening_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id integer NOT NULL,
    staff_id integer NOT NULL REFERENCES staff,
    reason text NOT NULL CHECK (char_length(reason) BETWEEN 20 AND 500),
    opened_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    finished_at timestamptz,
    reviewed_at timestamptz,
    reviewed_by integer REFERENCES staff,
    verdict text CHECK (verdict IN ('in_order', 'to_talk_about')),
    CHECK (ends_at > opened_at AND ends_at <= opened_at + interval '4 hours'),
    CHECK (finished_at >= opened_at),
    CHECK (num_nonnulls(reviewed_at, reviewed_by, verdict) IN (0, 3)),
    CHECK (reviewed_by <> staff_id)
);
COMMENT ON COLUMN opening.finished_at IS 'Its owner said that they have finished, before its end';
CREATE INDEX opening_by_staff ON opening (staff_id, opened_at);
CREATE INDEX opening_by_person ON opening (person_id, opened_at);
CREATE INDEX opening_by_time ON opening (opened_at);

-- A name or label that opened nobody: how often somebody tried, and nothing of what they tried.
CREATE TABLE opening_try (
    staff_id integer NOT NULL REFERENCES staff,
    tried_at timestamptz NOT NULL
);
CREATE INDEX opening_try_by_staff ON opening_try (staff_id, tried_at);

ALTER TABLE opening ENABLE ROW LEVEL SECURITY;
ALTER TABLE opening FORCE ROW LEVEL SECURITY;
CREATE POLICY works_on_everybody ON opening
    TO tidewell_ingest, tidewell_alerts, tidewell_enrol, CURRENT_USER USING (true) WITH CHECK (true);

-- Whom somebody opened in need and has not finished with. Whoever became an administrator since sees nobody.
CREATE FUNCTION people_opened_by(viewer integer, moment timestamptz) RETURNS SETOF integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT opening.person_id FROM public.opening JOIN public.staff USING (staff_id)
    WHERE opening.staff_id = viewer AND staff.role IN ('practitioner', 'clinician')
      AND opening.opened_at <= moment AND opening.ends_at > moment
      AND (opening.finished_at IS NULL OR opening.finished_at > moment);
END;

-- Whose pages open to a member of staff, and why: those they are assigned to, those of whom they accepted to cover,
-- while it lasts, and those whom they opened in need. Who was only asked about an alert opens that alert. It answers
-- about nobody but the viewer.
CREATE FUNCTION people_open_to(viewer integer, moment timestamptz)
RETURNS TABLE (person_id integer, because text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT found.person_id, min(found.because) FROM (
        SELECT assignment.person_id, 'assigned' AS because FROM public.assignment
        WHERE assignment.staff_id = viewer AND assignment.valid_from <= moment
          AND (assignment.valid_until IS NULL OR assignment.valid_until > moment)
        UNION ALL
        SELECT assignment.person_id, 'covering' FROM public.cover
        JOIN public.assignment ON assignment.staff_id = cover.away_staff_id
        WHERE cover.cover_staff_id = viewer AND cover.accepted_at <= moment
          AND cover.valid_from <= moment AND cover.valid_until > moment
          AND assignment.valid_from <= moment
          AND (assignment.valid_until IS NULL OR assignment.valid_until > moment)
        UNION ALL
        SELECT opened.person_id, 'opened' FROM public.people_opened_by(viewer, moment) AS opened (person_id)
    ) AS found
    WHERE viewer = public.viewer_staff_id()
    GROUP BY found.person_id;
END;

-- The three rules of migration 0023, which are one, with openings.
CREATE OR REPLACE FUNCTION people_seen_by(viewer integer, at timestamptz) RETURNS SETOF integer
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
      AND (alert.closed_at IS NULL OR alert.closed_at > at - interval '1 day')
    UNION
    SELECT public.people_opened_by(viewer, at);
END;

CREATE OR REPLACE FUNCTION staff_who_see(viewed integer, at timestamptz) RETURNS SETOF integer
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
      AND (alert.closed_at IS NULL OR alert.closed_at > at - interval '1 day')
    UNION
    SELECT opening.staff_id FROM public.opening JOIN public.staff USING (staff_id)
    WHERE opening.person_id = viewed AND staff.role IN ('practitioner', 'clinician')
      AND opening.opened_at <= at AND opening.ends_at > at
      AND (opening.finished_at IS NULL OR opening.finished_at > at);
END;

CREATE OR REPLACE FUNCTION staff_may_see(
    viewer_staff_id integer, viewed_person_id integer, at timestamptz
)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
RETURN EXISTS (
    SELECT FROM public.assignment
    WHERE assignment.staff_id = viewer_staff_id AND assignment.person_id = viewed_person_id
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
) OR EXISTS (
    SELECT FROM public.cover
    JOIN public.assignment ON assignment.staff_id = cover.away_staff_id
    WHERE cover.cover_staff_id = viewer_staff_id AND cover.accepted_at <= at
      AND cover.valid_from <= at AND cover.valid_until > at
      AND assignment.person_id = viewed_person_id
      AND assignment.valid_from <= at AND (assignment.valid_until IS NULL OR assignment.valid_until > at)
) OR EXISTS (
    SELECT FROM public.delivery
    JOIN public.alert ON alert.alert_id = delivery.alert_id
    WHERE delivery.staff_id = viewer_staff_id AND alert.person_id = viewed_person_id
      AND (alert.closed_at IS NULL OR alert.closed_at > at - interval '1 day')
) OR EXISTS (
    SELECT FROM public.opening JOIN public.staff USING (staff_id)
    WHERE opening.staff_id = viewer_staff_id AND opening.person_id = viewed_person_id
      AND staff.role IN ('practitioner', 'clinician')
      AND opening.opened_at <= at AND opening.ends_at > at
      AND (opening.finished_at IS NULL OR opening.finished_at > at)
);

-- Opens one person to whoever is looking, by label or by the name that they are called, and writes that down before
-- anything is shown. Who is not here and who is called like somebody else get one answer. Three openings a day:
-- more of them is a rota that is missing. Five wrong names an hour and ten a day: a slip of the pen needs one or two.
CREATE FUNCTION open_in_need(called text, why text, moment timestamptz)
RETURNS TABLE (answer text, opened_person_id integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    viewer integer := viewer_staff_id();
    named integer[];
    added opening;
BEGIN
    IF NOT EXISTS (SELECT FROM staff WHERE staff.staff_id = viewer AND staff.role IN ('practitioner', 'clinician'))
    THEN
        RETURN QUERY SELECT 'not_for_you', NULL::integer;
        RETURN;
    END IF;
    -- Two tabs of one person count each other's tries.
    PERFORM pg_advisory_xact_lock(hashtextextended('tidewell.opening', viewer));
    IF (SELECT count(*) FROM opening WHERE opening.staff_id = viewer
        AND opening.opened_at > moment - interval '1 day') >= 3
    THEN
        RETURN QUERY SELECT 'too_many_openings', NULL::integer;
        RETURN;
    END IF;
    IF (SELECT count(*) FILTER (WHERE tried.tried_at > moment - interval '1 hour') >= 5 OR count(*) >= 10
        FROM opening_try AS tried
        WHERE tried.staff_id = viewer AND tried.tried_at > moment - interval '1 day')
    THEN
        RETURN QUERY SELECT 'too_many_tries', NULL::integer;
        RETURN;
    END IF;
    named := ARRAY(
        SELECT person.person_id FROM person LEFT JOIN identity USING (person_id)
        WHERE person.person_id > 0
          AND lower(btrim(called)) IN (lower(person.label), lower(identity.preferred_name))
        LIMIT 2
    );
    IF cardinality(named) <> 1 THEN
        INSERT INTO opening_try VALUES (viewer, moment);
        RETURN QUERY SELECT 'nobody_found', NULL::integer;
        RETURN;
    END IF;
    IF named[1] IN (SELECT open_now.person_id FROM people_open_to(viewer, moment) AS open_now) THEN
        RETURN QUERY SELECT 'open_already', named[1];
        RETURN;
    END IF;
    INSERT INTO opening (person_id, staff_id, reason, opened_at, ends_at)
    VALUES (named[1], viewer, why, moment, moment + interval '4 hours')
    RETURNING * INTO added;
    INSERT INTO access_log (at, person_id, staff_id, looked_at, opening_id, content_hash)
    VALUES (moment, added.person_id, viewer, 'opened', added.opening_id, sha256(convert_to(concat_ws(
        '|', 'opened', added.opening_id, added.person_id, added.staff_id,
        trunc(extract(epoch FROM added.opened_at) * 1000000)::bigint,
        trunc(extract(epoch FROM added.ends_at) * 1000000)::bigint, added.reason
    ), 'UTF8')));
    RETURN QUERY SELECT 'opened', named[1];
END
$$;

-- Ends an opening of the viewer's own before its time; says whether it was still open.
CREATE FUNCTION finish_opening(which bigint, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    ended opening;
BEGIN
    UPDATE opening SET finished_at = moment
    WHERE opening.opening_id = which AND opening.staff_id = viewer_staff_id()
      AND opening.finished_at IS NULL AND opening.opened_at <= moment AND opening.ends_at > moment
    RETURNING * INTO ended;
    IF ended.opening_id IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO access_log (at, person_id, staff_id, looked_at, opening_id, content_hash)
    VALUES (moment, ended.person_id, ended.staff_id, 'finished', ended.opening_id, sha256(convert_to(concat_ws(
        '|', 'finished', ended.opening_id, trunc(extract(epoch FROM ended.finished_at) * 1000000)::bigint
    ), 'UTF8')));
    RETURN true;
END
$$;

-- A service manager says what they think of an opening that is over; never of their own.
CREATE FUNCTION review_opening(which bigint, what text, moment timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    viewer integer := viewer_staff_id();
    seen opening;
BEGIN
    UPDATE opening SET reviewed_at = moment, reviewed_by = viewer, verdict = what
    WHERE opening.opening_id = which AND opening.staff_id <> viewer AND opening.reviewed_at IS NULL
      AND coalesce(opening.finished_at, opening.ends_at) <= moment
      AND EXISTS (
          SELECT FROM staff WHERE staff.staff_id = viewer AND staff.is_service_manager AND staff.role <> 'admin'
      )
    RETURNING * INTO seen;
    IF seen.opening_id IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO access_log (at, person_id, staff_id, looked_at, opening_id, content_hash)
    VALUES (moment, seen.person_id, viewer, 'reviewed', seen.opening_id, sha256(convert_to(concat_ws(
        '|', 'reviewed', seen.opening_id, seen.reviewed_by,
        trunc(extract(epoch FROM seen.reviewed_at) * 1000000)::bigint, seen.verdict
    ), 'UTF8')));
    RETURN true;
END
$$;

-- Openings as the viewer may know of them: their own, those of people whose pages open to them, and all of them for
-- service managers and administrators. The reason may say how somebody is: no administrator reads it. That a
-- manager reads it is written down, once a day for each person.
CREATE FUNCTION openings_shown(since timestamptz, moment timestamptz, most integer)
RETURNS TABLE (
    opening_id bigint, person_id integer, called text, opener text, is_own boolean, is_mine boolean, reason text,
    opened_at timestamptz, ends_at timestamptz, finished_at timestamptz, reviewed_at timestamptz, reviewer text,
    verdict text
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    viewer integer := viewer_staff_id();
    is_manager boolean := EXISTS (
        SELECT FROM staff WHERE staff.staff_id = viewer AND staff.is_service_manager AND staff.role <> 'admin'
    );
    mine integer[] := ARRAY(SELECT open_now.person_id FROM people_open_to(viewer, moment) AS open_now);
BEGIN
    IF is_manager THEN
        INSERT INTO access_log (at, person_id, staff_id, looked_at)
        SELECT DISTINCT moment, read.person_id, viewer, 'reason_read'
        FROM opening AS read
        WHERE (read.opened_at >= since OR read.reviewed_at IS NULL) AND read.staff_id <> viewer
          AND NOT EXISTS (
              SELECT FROM access_log AS earlier
              WHERE earlier.person_id = read.person_id AND earlier.staff_id = viewer
                AND earlier.looked_at = 'reason_read' AND earlier.at > moment - interval '1 day'
          );
    END IF;
    RETURN QUERY
    SELECT opening.opening_id, opening.person_id,
        CASE WHEN opening.person_id = ANY (mine) THEN coalesce(identity.preferred_name, person.label)
            ELSE person.label END,
        opened_by.display_name, opening.staff_id = viewer, opening.person_id = ANY (mine),
        CASE WHEN viewer_is_admin() THEN NULL ELSE opening.reason END,
        opening.opened_at, opening.ends_at, opening.finished_at, opening.reviewed_at, manager.display_name,
        opening.verdict
    FROM opening
    JOIN person ON person.person_id = opening.person_id
    LEFT JOIN identity ON identity.person_id = opening.person_id
    JOIN staff AS opened_by ON opened_by.staff_id = opening.staff_id
    LEFT JOIN staff AS manager ON manager.staff_id = opening.reviewed_by
    WHERE viewer IS NOT NULL AND (opening.opened_at >= since OR opening.reviewed_at IS NULL)
      AND (viewer_is_admin() OR is_manager OR opening.staff_id = viewer OR opening.person_id = ANY (mine))
    ORDER BY opening.reviewed_at IS NOT NULL, opening.opened_at DESC, opening.opening_id DESC
    LIMIT most;
END
$$;

-- What is said to whoever should know: the notice of an opening, once.
ALTER TABLE operations_notice
    ADD COLUMN opening_id bigint UNIQUE,
    DROP CONSTRAINT operations_notice_about_check;
ALTER TABLE operations_notice
    ADD CHECK (about IN ('not_hearing', 'nobody_heard', 'alerts_not_certain', 'opened_in_need')),
    ADD CHECK ((about = 'opened_in_need') = (opening_id IS NOT NULL));

GRANT SELECT ON opening TO tidewell_alerts;

REVOKE EXECUTE ON FUNCTION people_opened_by, people_open_to, open_in_need, finish_opening, review_opening,
    openings_shown FROM PUBLIC;
GRANT EXECUTE ON FUNCTION people_open_to, open_in_need, finish_opening, review_opening, openings_shown
    TO tidewell_portal;
