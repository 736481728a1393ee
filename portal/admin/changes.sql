-- What administrators changed.

-- name: record
INSERT INTO admin_change (at, staff_id, kind, person_id, about_staff_id, detail)
VALUES (%(at)s, %(staff_id)s, %(kind)s, %(person_id)s, %(about_staff_id)s, %(detail)s);

-- name: latest
SELECT admin_change.at, staff.display_name AS who, admin_change.kind, person.label AS person_label,
    about.display_name AS about_staff, admin_change.detail
FROM admin_change
JOIN staff USING (staff_id)
LEFT JOIN person USING (person_id)
LEFT JOIN staff AS about ON about.staff_id = admin_change.about_staff_id
ORDER BY admin_change.admin_change_id DESC
LIMIT %(limit)s;

-- What was changed about young people: who works with them, and what was agreed.
-- name: about_people
SELECT admin_change.at, staff.display_name AS who, admin_change.kind, person.label AS person_label,
    about.display_name AS about_staff, admin_change.detail
FROM admin_change
JOIN staff USING (staff_id)
JOIN person USING (person_id)
LEFT JOIN staff AS about ON about.staff_id = admin_change.about_staff_id
WHERE admin_change.at >= %(since)s AND admin_change.kind = ANY (%(kinds)s)
ORDER BY admin_change.admin_change_id DESC
LIMIT %(limit)s;
