-- An alert that cannot be forgotten: timers on what somebody accepted, snoozes with an end, alerts
-- passed on, alerts raised again after they were closed, and who may look when the chain asks them.

ALTER TABLE alert
    ADD COLUMN snoozed_until timestamptz,
    ADD COLUMN snooze_reason text,
    ADD COLUMN offered_to integer,
    ADD COLUMN former_alert_id bigint REFERENCES alert,
    ADD CHECK ((snoozed_until IS NULL) = (snooze_reason IS NULL)),
    ADD CHECK (snoozed_until IS NULL OR state = 'accepted');
COMMENT ON COLUMN alert.offered_to IS 'Whom its owner passes it on to; it stays with the owner until they take it';
COMMENT ON COLUMN alert.former_alert_id IS 'The alert of the same change that somebody had closed';

-- A change that goes on after its alert was closed raises another one, so an episode may have
-- several; only one of them is open.
ALTER TABLE alert DROP CONSTRAINT alert_episode_id_key;
CREATE UNIQUE INDEX alert_one_open ON alert (episode_id) WHERE state <> 'closed';
CREATE INDEX alert_by_episode ON alert (episode_id);
CREATE INDEX alert_intake_by_alert ON alert_intake (alert_id);

-- What was accepted before alerts had timers is looked at once, and gets its timer then.
UPDATE alert SET wake_at = accepted_at WHERE state = 'accepted' AND wake_at IS NULL;

ALTER TABLE alert_action
    ADD COLUMN seen_level text CHECK (seen_level IN ('for_review', 'check_today', 'check_now')),
    ADD COLUMN to_staff_id integer,
    ADD COLUMN snooze_reason text,
    ADD COLUMN snooze_until timestamptz,
    DROP CONSTRAINT alert_action_kind_check,
    ADD CHECK (kind IN ('accept', 'close', 'hand_over', 'snooze')),
    ADD CHECK ((kind = 'hand_over') = (to_staff_id IS NOT NULL)),
    ADD CHECK ((kind = 'snooze') = (snooze_reason IS NOT NULL)),
    ADD CHECK ((kind = 'snooze') = (snooze_until IS NOT NULL));
COMMENT ON COLUMN alert_action.seen_level IS 'The level on the page of whoever acted; it counts for no higher one';

ALTER TABLE delivery
    ADD COLUMN ask text NOT NULL DEFAULT '',
    ADD COLUMN is_first boolean NOT NULL DEFAULT false,
    ADD COLUMN bundle text,
    ADD COLUMN bundle_people integer,
    ADD CHECK (bundle IS NOT NULL OR bundle_people IS NULL);
COMMENT ON COLUMN delivery.ask IS 'Which asking of its alert this message belongs to';
COMMENT ON COLUMN delivery.is_first IS 'The first alert about this person goes ahead of others of its level';
COMMENT ON COLUMN delivery.bundle IS 'Messages of one bundle leave as one';
CREATE INDEX delivery_by_staff ON delivery (staff_id, alert_id);
CREATE INDEX delivery_by_bundle ON delivery (bundle) WHERE bundle IS NOT NULL;

-- Who left can no longer sign in; alerts must not count on them and must not read sign_in.
CREATE VIEW staff_at_work AS
SELECT staff.staff_id, staff.role, staff.team_id, sign_in.disabled_at AS left_at
FROM staff LEFT JOIN sign_in USING (staff_id);
GRANT SELECT ON staff_at_work TO tidewell_alerts, tidewell_portal, tidewell_enrol;

-- Beside those who are assigned: whoever covers for one of them and accepted that, and whoever was
-- asked about an alert of the person, while it is open and for a day after.
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
);
GRANT EXECUTE ON FUNCTION staff_may_see TO tidewell_alerts;
