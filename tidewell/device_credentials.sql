-- Who may sign in at the broker. `now` is a parameter.

-- name: set_credential
INSERT INTO device_credential (device_id, bcrypt, pbkdf2, set_at)
SELECT device_id, %(bcrypt)s, %(pbkdf2)s, %(now)s
FROM device WHERE name = %(name)s AND revoked_at IS NULL
ON CONFLICT (device_id) DO UPDATE
    SET bcrypt = excluded.bcrypt, pbkdf2 = excluded.pbkdf2, set_at = excluded.set_at;

-- name: find_device
SELECT revoked_at FROM device WHERE name = %(name)s;

-- name: revoke_device
UPDATE device SET revoked_at = %(now)s WHERE name = %(name)s AND revoked_at IS NULL;

-- name: delete_credential
DELETE FROM device_credential
WHERE device_id = (SELECT device_id FROM device WHERE name = %(name)s);

-- name: announce
SELECT pg_notify('tidewell_device_credential', '');

-- name: listen
LISTEN tidewell_device_credential;

-- name: fingerprint
SELECT md5(coalesce(string_agg(device.name || device_credential.bcrypt, ' ' ORDER BY device.name), ''))
FROM device JOIN device_credential USING (device_id)
WHERE device.revoked_at IS NULL;

-- name: verifiers
SELECT device.name, device_credential.bcrypt, device_credential.pbkdf2
FROM device JOIN device_credential USING (device_id)
WHERE device.revoked_at IS NULL
ORDER BY device.name;

-- name: devices
SELECT device.name, coalesce(person.label, ''), device.model, device_credential.set_at,
    device.revoked_at
FROM device
LEFT JOIN device_assignment
    ON device_assignment.device_id = device.device_id AND device_assignment.valid_until IS NULL
LEFT JOIN person USING (person_id)
LEFT JOIN device_credential ON device_credential.device_id = device.device_id
ORDER BY device.name;

-- name: without_credential
SELECT count(*) FROM device LEFT JOIN device_credential USING (device_id)
WHERE device.revoked_at IS NULL AND device.model <> 'virtual' AND device_credential.device_id IS NULL;
