-- Who is enrolled, as administrators see them. In lists a person is a label and not a name.

-- name: people
SELECT person.person_id, person.label, key_worker.display_name AS key_worker, worn.name AS device,
    worn.heard_at
FROM person
LEFT JOIN LATERAL (
    SELECT staff.display_name FROM assignment JOIN staff USING (staff_id)
    WHERE assignment.person_id = person.person_id AND assignment.kind = 'key_worker'
      AND assignment.valid_from <= %(now)s
      AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
    ORDER BY assignment.valid_from DESC LIMIT 1
) AS key_worker ON true
LEFT JOIN LATERAL (
    SELECT device.name,
        (SELECT max(last_received_at) FROM device_cursor WHERE device_cursor.device_id = device.device_id)
            AS heard_at
    FROM device_assignment JOIN device USING (device_id)
    WHERE device_assignment.person_id = person.person_id AND device_assignment.valid_until IS NULL
      AND device.revoked_at IS NULL
    ORDER BY device_assignment.valid_from DESC, device.device_id DESC LIMIT 1
) AS worn ON true
WHERE person.person_id > 0
ORDER BY person.label
LIMIT %(limit)s;

-- name: person
SELECT person.person_id, person.label, person.timezone, person.reading_level, person.created_at,
    coalesce(identity.preferred_name, person.label) AS name, identity.birth_month
FROM person LEFT JOIN identity USING (person_id)
WHERE person.person_id = %(person_id)s AND person.person_id > 0;

-- name: set_birth_month
UPDATE identity SET birth_month = %(birth_month)s WHERE person_id = %(person_id)s;

-- name: devices_of
SELECT device.device_id, device.name, device.model, device.revoked_at,
    device_assignment.valid_from, device_assignment.valid_until, device_credential.set_at,
    (SELECT max(last_received_at) FROM device_cursor WHERE device_cursor.device_id = device.device_id)
        AS heard_at,
    (SELECT max(expires_at) FROM pairing_code
     WHERE pairing_code.device_id = device.device_id AND used_at IS NULL AND cancelled_at IS NULL)
        AS code_until
FROM device_assignment
JOIN device USING (device_id)
LEFT JOIN device_credential USING (device_id)
WHERE device_assignment.person_id = %(person_id)s
ORDER BY (device.revoked_at IS NULL AND device_assignment.valid_until IS NULL) DESC,
    device.device_id DESC
LIMIT 20;

-- name: assignments_of
SELECT assignment.assignment_id, assignment.staff_id, staff.display_name AS name, assignment.kind,
    assignment.valid_from, assignment.valid_until,
    coalesce(staff_at_work.left_at <= %(now)s, false) AS has_left
FROM assignment
JOIN staff USING (staff_id)
JOIN staff_at_work USING (staff_id)
WHERE assignment.person_id = %(person_id)s
  AND (assignment.valid_until IS NULL OR assignment.valid_until > %(since)s)
ORDER BY assignment.kind DESC, assignment.valid_from
LIMIT 50;

-- name: colleagues
SELECT staff.staff_id, staff.display_name AS name, staff.role, team.name AS team
FROM staff
JOIN staff_at_work USING (staff_id)
JOIN sign_in USING (staff_id)
LEFT JOIN team ON team.team_id = staff.team_id
WHERE staff.role = %(role)s AND (staff_at_work.left_at IS NULL OR staff_at_work.left_at > %(now)s)
ORDER BY staff.display_name, staff.staff_id
LIMIT 500;

-- name: assign
INSERT INTO assignment (staff_id, person_id, kind, valid_from, valid_until)
VALUES (%(staff_id)s, %(person_id)s, %(kind)s, %(valid_from)s, %(valid_until)s);

-- name: is_assigned
SELECT EXISTS (
    SELECT FROM assignment
    WHERE staff_id = %(staff_id)s AND person_id = %(person_id)s AND kind = %(kind)s
      AND (valid_until IS NULL OR valid_until > %(valid_from)s)
      AND (%(valid_until)s::timestamptz IS NULL OR valid_from < %(valid_until)s)
) AS number;

-- A clinician's only: a young person is never without a key worker by a slip of the hand.
-- name: end_assignment
UPDATE assignment SET valid_until = %(now)s
WHERE assignment_id = %(assignment_id)s AND person_id = %(person_id)s AND kind = 'clinician'
  AND valid_from < %(now)s AND (valid_until IS NULL OR valid_until > %(now)s)
RETURNING staff_id;
