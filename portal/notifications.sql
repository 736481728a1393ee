-- Where a member of staff is told of alerts. `now` is a parameter.

-- name: phones
SELECT push_subscription.push_subscription_id, push_subscription.device_label,
       push_subscription.created_at, staff_address.is_dead
FROM push_subscription
JOIN staff_address ON staff_address.staff_id = push_subscription.staff_id
    AND staff_address.channel = 'web_push'
    AND staff_address.address::jsonb ->> 'endpoint' = push_subscription.endpoint
WHERE push_subscription.staff_id = %(staff_id)s AND push_subscription.removed_at IS NULL
ORDER BY push_subscription.created_at, push_subscription.push_subscription_id;

-- name: other_addresses
SELECT channel, address, is_dead
FROM staff_address
WHERE staff_id = %(staff_id)s AND channel <> 'web_push' AND created_at <= %(now)s
  AND (disabled_at IS NULL OR disabled_at > %(now)s)
ORDER BY channel, address;

-- name: count_phones
SELECT count(*) FROM push_subscription
WHERE staff_id = %(staff_id)s AND removed_at IS NULL AND endpoint <> %(endpoint)s;

-- A browser tells one person only: who switched it on last.
-- name: add_phone
INSERT INTO push_subscription (staff_id, endpoint, p256dh, auth, device_label, created_at)
VALUES (%(staff_id)s, %(endpoint)s, %(p256dh)s, %(auth)s, %(device_label)s, %(now)s)
ON CONFLICT (endpoint) DO UPDATE
SET staff_id = excluded.staff_id, p256dh = excluded.p256dh, auth = excluded.auth,
    device_label = excluded.device_label, created_at = excluded.created_at, removed_at = NULL;

-- name: remove_phone
UPDATE push_subscription SET removed_at = %(now)s
WHERE push_subscription_id = %(push_subscription_id)s AND staff_id = %(staff_id)s AND removed_at IS NULL;
