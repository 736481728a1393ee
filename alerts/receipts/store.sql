-- Receipts: taken in once each, by whichever process of alerts comes first.

-- A number may be given out before a newer one and committed after it, hence the look back.
-- name: receipts_not_taken
SELECT delivery_receipt_id, channel, reference, status, received_at
FROM delivery_receipt
WHERE delivery_receipt_id > (SELECT coalesce(max(delivery_receipt_id), 0) FROM receipt_intake) - %(look_back)s
  AND NOT EXISTS (
      SELECT FROM receipt_intake WHERE receipt_intake.delivery_receipt_id = delivery_receipt.delivery_receipt_id
  )
ORDER BY delivery_receipt_id
LIMIT %(most)s;

-- name: take_receipt
INSERT INTO receipt_intake (delivery_receipt_id, decided_at, reason)
VALUES (%(delivery_receipt_id)s, %(now)s, %(reason)s)
ON CONFLICT DO NOTHING
RETURNING delivery_receipt_id;

-- What one message carried: one delivery, or all of a bundle.
-- name: deliveries_of
SELECT delivery_id, alert_id, staff_id, address, state
FROM delivery
WHERE channel = %(channel)s AND (idempotency_key = %(reference)s OR bundle = %(reference)s)
ORDER BY alert_id, delivery_id;

-- name: give_up_failed
UPDATE delivery
SET state = 'given_up', last_error = %(error)s, lease_owner = NULL, lease_until = NULL
WHERE delivery_id = %(delivery_id)s AND state <> 'given_up'
RETURNING delivery_id;

-- name: mark_dead
INSERT INTO dead_address (channel, address, died_at, what_was_said)
VALUES (%(channel)s, %(address)s, %(now)s, %(said)s)
ON CONFLICT (channel, address) DO UPDATE
SET died_at = excluded.died_at, what_was_said = excluded.what_was_said;

-- name: wake_now
UPDATE alert
SET wake_at = least(wake_at, %(now)s)
WHERE alert_id = %(alert_id)s AND state <> 'closed';
