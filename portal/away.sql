-- Being away: cover, and what is handed over. The table `cover` is changed by guarded functions only.

-- Whose midnight counts: that of the working hours of the policy.
-- name: site_timezone
SELECT coalesce(
    (
        SELECT body #>> '{working_hours,timezone}' FROM policy
        WHERE name = 'alerts' AND valid_from <= %(now)s ORDER BY valid_from DESC LIMIT 1
    ),
    'Europe/London'
) AS name;

-- One's own and those one is asked for, as long as they are not over. What its giver took back is
-- gone; what the other one cannot give is shown to its giver until those days are over.
-- name: covers
SELECT cover.cover_id, cover.away_staff_id, cover.cover_staff_id, cover.valid_from, cover.valid_until,
    cover.accepted_at, cover.ended_at, giver.display_name AS giver_name,
    receiver.display_name AS receiver_name
FROM cover
JOIN staff AS giver ON giver.staff_id = cover.away_staff_id
JOIN staff AS receiver ON receiver.staff_id = cover.cover_staff_id
WHERE %(staff_id)s IN (cover.away_staff_id, cover.cover_staff_id) AND cover.valid_until > %(now)s
  AND (
      cover.ended_at IS NULL
      OR (cover.ended_by = cover.cover_staff_id AND cover.away_staff_id = %(staff_id)s
          AND NOT EXISTS (
              SELECT FROM cover AS later
              WHERE later.away_staff_id = cover.away_staff_id AND later.ended_at IS NULL
                AND later.valid_from < cover.valid_until AND later.valid_until > cover.valid_from
          ))
  )
ORDER BY cover.valid_from, cover.cover_id
LIMIT 50;

-- Who could cover: the own team first.
-- name: who_could_cover
SELECT staff.staff_id, staff.display_name AS name,
    coalesce(staff.team_id = own.team_id, false) AS is_own_team
FROM staff_at_work
JOIN staff USING (staff_id)
JOIN sign_in USING (staff_id)
CROSS JOIN (SELECT team_id FROM staff WHERE staff_id = %(staff_id)s) AS own
WHERE staff.staff_id <> %(staff_id)s AND staff.role = 'practitioner'
  AND (staff_at_work.left_at IS NULL OR staff_at_work.left_at > %(now)s)
ORDER BY is_own_team DESC, staff.display_name, staff.staff_id
LIMIT 200;

-- What somebody is on, and what is offered to them.
-- name: in_hand
SELECT alert.alert_id, alert.public_id, alert.person_id, alert.level, alert.raised_at,
    alert.snoozed_until, alert.offered_to, alert.accepted_by,
    coalesce(identity.preferred_name, person.label) AS name, receiver.display_name AS receiver_name,
    EXISTS (
        SELECT FROM alert_action
        WHERE alert_action.alert_id = alert.alert_id AND NOT EXISTS (
            SELECT FROM alert_event
            WHERE alert_event.alert_action_id = alert_action.alert_action_id
        )
    ) AS is_waiting
FROM alert
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
LEFT JOIN staff AS receiver ON receiver.staff_id = alert.offered_to
WHERE alert.state = 'accepted' AND %(staff_id)s IN (alert.accepted_by, alert.offered_to)
  AND staff_may_see(%(staff_id)s, alert.person_id, %(now)s)
ORDER BY array_position(ARRAY['check_now', 'check_today', 'for_review'], alert.level),
    alert.raised_at, alert.alert_id
LIMIT %(limit)s;

-- Held by both, in one order, so that two who ask each other at once do not both go away. The function
-- locks the giver itself.
-- name: lock_both
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.cover', one.staff_id))
FROM (
    SELECT unnest(ARRAY[least(%(staff_id)s, %(receiver)s), greatest(%(staff_id)s, %(receiver)s)]) AS staff_id
) AS one;

-- name: arrange
SELECT arrange_cover(%(staff_id)s, %(receiver)s, %(first)s, %(end)s, %(now)s) AS name;

-- name: accept
SELECT accept_cover(%(cover_id)s, %(staff_id)s, %(now)s) AS name;

-- name: end
SELECT end_cover(%(cover_id)s, %(staff_id)s, %(now)s) AS name;

-- name: receiver
SELECT cover_staff_id AS number FROM cover
WHERE cover_id = %(cover_id)s AND away_staff_id = %(staff_id)s AND ended_at IS NULL
  AND valid_until > %(now)s;
