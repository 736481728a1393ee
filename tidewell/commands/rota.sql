-- Names on a rota.

-- name: names
SELECT staff.staff_id, coalesce(sign_in.username, staff.display_name)
FROM staff LEFT JOIN sign_in USING (staff_id);
