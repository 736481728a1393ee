-- How young people say that they are. A young person's queries take their own number from their session; those for
-- staff ask whether they may see the person.

-- name: asked_today
SELECT count(*) > 0 AS is_answered FROM check_in
WHERE person_id = %(person_id)s AND day = %(day)s;

-- name: my_check_ins
SELECT check_in_id, day, at, face, going_well, worries, hopes, read_soon
FROM check_in
WHERE person_id = %(person_id)s
ORDER BY check_in_id DESC
LIMIT %(limit)s;

-- name: check_ins_for_staff
SELECT check_in_id, day, at, face, going_well, worries, hopes, read_soon
FROM check_in
WHERE person_id = %(person_id)s AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY check_in_id DESC
LIMIT %(limit)s;

-- name: written_lately
SELECT count(*)::integer AS number FROM check_in
WHERE person_id = %(person_id)s AND at > %(since)s;

-- A form that was sent twice is one check-in.
-- name: add_check_in
INSERT INTO check_in (person_id, day, at, face, going_well, worries, hopes, read_soon)
SELECT %(person_id)s, %(day)s, %(now)s, %(face)s, %(going_well)s, %(worries)s, %(hopes)s, %(read_soon)s
WHERE NOT EXISTS (
    SELECT FROM check_in
    WHERE person_id = %(person_id)s AND day = %(day)s AND face IS NOT DISTINCT FROM %(face)s::text
      AND going_well = %(going_well)s AND worries = %(worries)s AND hopes = %(hopes)s
      AND read_soon = %(read_soon)s AND at > %(just_now)s
)
RETURNING check_in_id;
