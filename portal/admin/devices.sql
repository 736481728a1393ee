-- Devices on the administrator's pages, and the codes that pair them. `now` is a parameter.

-- name: lock_person
SELECT person_id FROM person WHERE person_id = %(person_id)s FOR UPDATE;

-- name: worn_device
SELECT device.device_id, device.name
FROM device_assignment JOIN device USING (device_id)
WHERE device_assignment.person_id = %(person_id)s AND device_assignment.valid_until IS NULL
  AND device.revoked_at IS NULL
ORDER BY device.device_id DESC LIMIT 1;

-- name: device_exists
SELECT EXISTS (SELECT FROM device WHERE name = %(name)s) AS number;

-- name: cancel_codes
UPDATE pairing_code SET cancelled_at = %(now)s
WHERE device_id = %(device_id)s AND used_at IS NULL AND cancelled_at IS NULL;

-- name: add_code
INSERT INTO pairing_code (code_hash, device_id, made_by, made_at, expires_at)
VALUES (%(code_hash)s, %(device_id)s, %(staff_id)s, %(now)s, %(expires_at)s);

-- Taken in the same statement that finds it: of two devices with one code, one gets in.
-- name: use_code
UPDATE pairing_code SET used_at = %(now)s
FROM device, device_assignment, person
WHERE pairing_code.code_hash = %(code_hash)s
  AND pairing_code.used_at IS NULL AND pairing_code.cancelled_at IS NULL
  AND pairing_code.made_at <= %(now)s AND pairing_code.expires_at > %(now)s
  AND device.device_id = pairing_code.device_id AND device.revoked_at IS NULL
  AND device_assignment.device_id = device.device_id AND device_assignment.valid_until IS NULL
  AND person.person_id = device_assignment.person_id
RETURNING device.name, person.shard;
