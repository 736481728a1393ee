-- Who works here, on the administrator's pages. `now` is a parameter.

-- name: staff
SELECT staff.staff_id, staff.display_name AS name, staff.role, staff.is_service_manager,
    team.name AS team, staff.team_id, sign_in.username, sign_in.disabled_at,
    (SELECT count(*) FROM staff_address
     WHERE staff_address.staff_id = staff.staff_id AND NOT staff_address.is_dead
       AND (staff_address.disabled_at IS NULL OR staff_address.disabled_at > %(now)s)) AS addresses,
    (SELECT count(*) FROM assignment
     WHERE assignment.staff_id = staff.staff_id AND assignment.kind = 'key_worker'
       AND assignment.valid_from <= %(now)s
       AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)) AS people
FROM staff
LEFT JOIN team USING (team_id)
LEFT JOIN sign_in USING (staff_id)
WHERE %(staff_id)s::integer IS NULL OR staff.staff_id = %(staff_id)s
ORDER BY (sign_in.disabled_at IS NOT NULL), staff.display_name, staff.staff_id
LIMIT 2000;

-- name: teams
SELECT team.team_id, team.name,
    (SELECT count(*) FROM staff WHERE staff.team_id = team.team_id) AS members
FROM team ORDER BY team.name;

-- name: set_staff
UPDATE staff SET role = %(role)s, team_id = %(team_id)s, is_service_manager = %(is_service_manager)s
WHERE staff_id = %(staff_id)s;

-- name: disable
UPDATE sign_in SET disabled_at = %(now)s WHERE staff_id = %(staff_id)s AND disabled_at IS NULL;

-- name: enable
UPDATE sign_in SET disabled_at = NULL WHERE staff_id = %(staff_id)s AND disabled_at IS NOT NULL;

-- name: key_people
SELECT person.person_id, person.label
FROM assignment JOIN person USING (person_id)
WHERE assignment.staff_id = %(staff_id)s AND assignment.kind = 'key_worker'
  AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
ORDER BY person.label LIMIT 500;

-- name: contacts
SELECT contact_method.contact_method_id, staff_address.channel, staff_address.address,
    staff_address.is_dead
FROM staff_address
LEFT JOIN contact_method ON contact_method.staff_id = staff_address.staff_id
    AND contact_method.channel = staff_address.channel
    AND contact_method.address = staff_address.address
WHERE staff_address.staff_id = %(staff_id)s
  AND (staff_address.disabled_at IS NULL OR staff_address.disabled_at > %(now)s)
ORDER BY staff_address.channel, staff_address.address;

-- name: lock_staff
SELECT staff_id FROM staff WHERE staff_id = %(staff_id)s FOR UPDATE;

-- name: count_contacts
SELECT count(*) AS number FROM contact_method
WHERE staff_id = %(staff_id)s AND (disabled_at IS NULL OR disabled_at > %(now)s)
  AND NOT (channel = %(channel)s AND address = %(address)s);

-- Written down again, an address that had died is tried again.
-- name: add_contact
INSERT INTO contact_method (staff_id, channel, address, created_at)
VALUES (%(staff_id)s, %(channel)s, %(address)s, %(now)s)
ON CONFLICT (staff_id, channel, address)
    DO UPDATE SET created_at = excluded.created_at, disabled_at = NULL;

-- name: remove_contact
UPDATE contact_method SET disabled_at = %(now)s
WHERE contact_method_id = %(contact_method_id)s AND staff_id = %(staff_id)s
  AND (disabled_at IS NULL OR disabled_at > %(now)s)
RETURNING contact_method_id AS number;

-- name: covers
SELECT cover.cover_id, giver.display_name AS giver, receiver.display_name AS receiver,
    cover.valid_from, cover.valid_until, cover.accepted_at
FROM cover
JOIN staff AS giver ON giver.staff_id = cover.away_staff_id
JOIN staff AS receiver ON receiver.staff_id = cover.cover_staff_id
WHERE cover.ended_at IS NULL AND cover.valid_until > %(now)s
ORDER BY cover.valid_from, cover.cover_id
LIMIT 200;

-- name: cover_giver
SELECT away_staff_id AS number FROM cover WHERE cover_id = %(cover_id)s AND ended_at IS NULL;
