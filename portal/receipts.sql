-- Receipts of providers. `now` is a parameter.

-- A provider that did not hear our answer reports the same again.
-- name: store_receipt
INSERT INTO delivery_receipt (channel, reference, status, received_at)
VALUES (%(channel)s, %(reference)s, %(status)s, %(now)s)
ON CONFLICT (channel, reference, status) DO NOTHING;
