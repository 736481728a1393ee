-- Who looked at whom. A guarded function counts; administrators see no look of anybody else.

-- name: looks
SELECT staff_name, staff_role, person_label, looks, without_reason, out_of_hours, last_at
FROM looks_between(%(first_time)s, %(end_time)s, %(limit)s);
