-- Duty rotas on the administrator's pages.

-- name: names
SELECT staff.staff_id AS number, staff.display_name AS name FROM staff;
