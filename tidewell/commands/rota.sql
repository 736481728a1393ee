-- Who can be put on a rota: whoever works here and can answer alerts. `now` is a parameter.

-- name: practitioners
SELECT sign_in.username, sign_in.staff_id
FROM sign_in
JOIN staff USING (staff_id)
WHERE staff.role = 'practitioner'
  AND (sign_in.disabled_at IS NULL OR sign_in.disabled_at > %(now)s)
ORDER BY sign_in.username;

-- name: names
SELECT staff.staff_id, coalesce(sign_in.username, staff.display_name)
FROM staff LEFT JOIN sign_in USING (staff_id);
