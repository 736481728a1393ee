-- Duty rotas. `now` is a parameter.

-- name: rotas
SELECT rota_id, name FROM rota ORDER BY name;

-- What may still count after a moment, of some rotas or of all.
-- name: shifts
SELECT rota_shift_id, rota_id, staff_id, timezone, weekday, starts_minute, ends_minute, starts_at,
    ends_at, holds_from, holds_until
FROM rota_shift
WHERE (%(rota_ids)s::integer[] IS NULL OR rota_id = ANY (%(rota_ids)s))
  AND (holds_until IS NULL OR holds_until > %(since)s)
  AND (ends_at IS NULL OR ends_at > %(since)s)
ORDER BY rota_shift_id;

-- name: add_rota
INSERT INTO rota (name, created_at) VALUES (%(name)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET name = excluded.name
RETURNING rota_id;

-- name: lock_rota
SELECT rota_id FROM rota WHERE name = %(name)s FOR UPDATE;

-- Nothing of a rota holds any more from now on.
-- name: end_shifts
UPDATE rota_shift SET holds_until = %(now)s
WHERE rota_id = %(rota_id)s AND (holds_until IS NULL OR holds_until > %(now)s)
  AND (ends_at IS NULL OR ends_at > %(now)s);

-- name: end_shift
UPDATE rota_shift SET holds_until = %(now)s
WHERE rota_id = %(rota_id)s AND rota_shift_id = %(rota_shift_id)s AND starts_at IS NOT NULL
  AND (holds_until IS NULL OR holds_until > %(now)s) AND ends_at > %(now)s
RETURNING rota_shift_id;

-- name: add_weekly
INSERT INTO rota_shift (
    rota_id, staff_id, timezone, weekday, starts_minute, ends_minute, holds_from
)
VALUES (
    %(rota_id)s, %(staff_id)s, %(timezone)s, %(weekday)s, %(starts_minute)s, %(ends_minute)s,
    %(holds_from)s
);

-- name: add_dated
INSERT INTO rota_shift (rota_id, staff_id, starts_at, ends_at, holds_from)
VALUES (%(rota_id)s, %(staff_id)s, %(starts_at)s, %(ends_at)s, %(now)s);

-- Who can be put on a rota: whoever works here and can answer alerts.
-- name: practitioners
SELECT sign_in.username, sign_in.staff_id
FROM sign_in
JOIN staff USING (staff_id)
WHERE staff.role = 'practitioner'
  AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > %(now)s)
ORDER BY sign_in.username;
