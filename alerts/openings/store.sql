-- Openings in need that nobody was told of yet, and who is told. `now` is always a parameter.

-- Older ones than `since` were told once: their notice may have gone by age.
-- name: new_openings
SELECT opening_id, person_id, staff_id, opened_at FROM opening
WHERE opened_at > %(since)s AND NOT EXISTS (
    SELECT FROM operations_notice WHERE operations_notice.opening_id = opening.opening_id
)
ORDER BY opening_id LIMIT %(most)s;

-- name: raise_notice
INSERT INTO operations_notice (about, opening_id, began_at, noticed_at, ended_at, is_afterwards)
VALUES (
    'opened_in_need', %(opening_id)s, %(opened_at)s::timestamptz, %(now)s::timestamptz,
    greatest(%(opened_at)s::timestamptz, %(now)s::timestamptz), false
)
ON CONFLICT (opening_id) DO NOTHING
RETURNING operations_notice_id;

-- The key worker, who covers for them, and the service managers; whoever opened knows.
-- name: told
SELECT staff.staff_id FROM staff JOIN staff_at_work USING (staff_id)
WHERE staff.staff_id <> %(staff_id)s
  AND (staff_at_work.left_at IS NULL OR staff_at_work.left_at > %(now)s)
  AND (
      staff.is_service_manager
      OR EXISTS (
          SELECT FROM assignment
          LEFT JOIN cover ON cover.away_staff_id = assignment.staff_id AND cover.accepted_at <= %(now)s
              AND cover.valid_from <= %(now)s AND cover.valid_until > %(now)s
          WHERE assignment.person_id = %(person_id)s AND assignment.kind = 'key_worker'
            AND assignment.valid_from <= %(now)s
            AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
            AND staff.staff_id IN (assignment.staff_id, cover.cover_staff_id)
      )
  )
ORDER BY staff.staff_id;
