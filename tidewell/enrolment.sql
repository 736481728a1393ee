-- Who is here. `now` is a parameter.

-- name: add_team
INSERT INTO team (name, created_at) VALUES (%(name)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING team_id;

-- name: add_staff
INSERT INTO staff (role, display_name, team_id, is_service_manager, created_at)
VALUES (%(role)s, %(display_name)s, %(team_id)s, %(is_service_manager)s, %(now)s)
RETURNING staff_id;

-- name: add_person
INSERT INTO person (label, shard, timezone, reading_level, created_at)
VALUES (%(label)s, %(shard)s, %(timezone)s, %(reading_level)s, %(now)s)
ON CONFLICT (label) DO NOTHING
RETURNING person_id;

-- name: find_person
SELECT person_id, shard, timezone FROM person WHERE label = %(label)s;

-- name: name_person
INSERT INTO identity (person_id, preferred_name) VALUES (%(person_id)s, %(preferred_name)s);

-- name: add_device
INSERT INTO device (name, model, created_at) VALUES (%(name)s, %(model)s, %(now)s)
ON CONFLICT (name) DO NOTHING
RETURNING device_id;

-- name: find_device
SELECT device.device_id, device_assignment.person_id
FROM device LEFT JOIN device_assignment
    ON device_assignment.device_id = device.device_id AND device_assignment.valid_until IS NULL
WHERE device.name = %(name)s;

-- name: find_real_device
SELECT device.name
FROM device JOIN device_assignment USING (device_id)
WHERE device_assignment.person_id = %(person_id)s AND device_assignment.valid_until IS NULL
  AND device.revoked_at IS NULL AND device.model <> 'virtual'
ORDER BY device.name LIMIT 1;

-- Another device that this person wears now; one that was revoked sends nothing any more.
-- name: find_other_device
SELECT device.name
FROM device JOIN device_assignment USING (device_id)
WHERE device_assignment.person_id = %(person_id)s AND device_assignment.valid_until IS NULL
  AND device.revoked_at IS NULL AND device.name <> %(name)s
ORDER BY device.name LIMIT 1;

-- A device that somebody gave back is the next wearer's from now on.
-- name: assign_device
INSERT INTO device_assignment (device_id, person_id, valid_from)
SELECT %(device_id)s, %(person_id)s,
    CASE WHEN EXISTS (SELECT FROM device_assignment WHERE device_id = %(device_id)s)
        THEN %(now)s::timestamptz ELSE %(begins)s::timestamptz END;

-- name: return_device
UPDATE device_assignment SET valid_until = %(now)s
WHERE device_id = %(device_id)s AND valid_until IS NULL AND valid_from < %(now)s;

-- name: forget_credential
DELETE FROM device_credential WHERE device_id = %(device_id)s;

-- name: announce_credentials
SELECT pg_notify('tidewell_device_credential', '');

-- name: assign_staff
INSERT INTO assignment (staff_id, person_id, kind, valid_from)
VALUES (%(staff_id)s, %(person_id)s, %(kind)s, %(now)s);

-- name: planned_key_worker
SELECT valid_from FROM assignment
WHERE person_id = %(person_id)s AND kind = 'key_worker' AND valid_from >= %(from)s
ORDER BY valid_from LIMIT 1;

-- name: lock_person
SELECT person_id FROM person WHERE person_id = %(person_id)s FOR UPDATE;

-- Whoever is key worker then stops at the moment at which the next one begins.
-- name: end_key_worker
UPDATE assignment SET valid_until = %(from)s
WHERE person_id = %(person_id)s AND kind = 'key_worker' AND valid_from < %(from)s
  AND (valid_until IS NULL OR valid_until > %(from)s);

-- name: add_sign_in
INSERT INTO sign_in (username, password_hash, staff_id, person_id, created_at)
VALUES (%(username)s, %(password_hash)s, %(staff_id)s, %(person_id)s, %(now)s);

-- name: any_sign_in
SELECT EXISTS (SELECT FROM sign_in);

-- name: practitioners
SELECT staff.staff_id, coalesce(sign_in.username, ''), staff.role
FROM staff LEFT JOIN sign_in USING (staff_id)
WHERE staff.role IN ('practitioner', 'clinician')
ORDER BY staff.staff_id;
