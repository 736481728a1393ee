-- Addresses of staff from the command line. `now` is a parameter.

-- name: staff_of
SELECT staff_id FROM sign_in
WHERE username = %(username)s AND staff_id IS NOT NULL
  AND (disabled_at IS NULL OR disabled_at > %(now)s);

-- name: lock_staff
SELECT FROM staff WHERE staff_id = %(staff_id)s FOR UPDATE;

-- name: count_contacts
SELECT count(*) FROM contact_method
WHERE staff_id = %(staff_id)s AND (disabled_at IS NULL OR disabled_at > %(now)s)
  AND NOT (channel = %(channel)s AND address = %(address)s);

-- Written down again, an address that had died is tried again.
-- name: add_contact
INSERT INTO contact_method (staff_id, channel, address, created_at)
VALUES (%(staff_id)s, %(channel)s, %(address)s, %(now)s)
ON CONFLICT (staff_id, channel, address) DO UPDATE SET created_at = excluded.created_at, disabled_at = NULL;

-- name: remove_contact
UPDATE contact_method SET disabled_at = %(now)s
WHERE contact_method_id = %(contact_method_id)s AND (disabled_at IS NULL OR disabled_at > %(now)s)
RETURNING channel, address;

-- name: contacts
SELECT sign_in.username, staff_address.staff_id, staff_address.channel, staff_address.address,
       staff_address.is_dead, contact_method.contact_method_id
FROM staff_address
JOIN sign_in ON sign_in.staff_id = staff_address.staff_id
LEFT JOIN contact_method ON contact_method.staff_id = staff_address.staff_id
    AND contact_method.channel = staff_address.channel AND contact_method.address = staff_address.address
WHERE (%(username)s::text IS NULL OR sign_in.username = %(username)s)
  AND (staff_address.disabled_at IS NULL OR staff_address.disabled_at > %(now)s)
ORDER BY sign_in.username, staff_address.channel, staff_address.address;
