-- Notes about days. A young person's queries take their number from their session; a query for staff
-- asks whether the viewer may see the person. A note is taken back by whoever wrote it.

-- name: my_notes
SELECT context_note.context_note_id, context_note.kind, context_note.first_day,
    context_note.last_day, context_note.own_words, context_note.staff_id, context_note.created_at,
    staff.display_name AS staff_name
FROM context_note
LEFT JOIN staff USING (staff_id)
WHERE context_note.person_id = %(person_id)s AND context_note.removed_at IS NULL
ORDER BY context_note.context_note_id DESC
LIMIT %(limit)s;

-- name: notes_for_staff
SELECT context_note.context_note_id, context_note.kind, context_note.first_day,
    context_note.last_day, context_note.own_words, context_note.staff_id, context_note.created_at,
    staff.display_name AS staff_name
FROM context_note
LEFT JOIN staff USING (staff_id)
WHERE context_note.person_id = %(person_id)s AND context_note.removed_at IS NULL
  AND context_note.first_day <= %(last_day)s AND context_note.last_day >= %(first_day)s
  AND staff_may_see(%(viewer_staff_id)s, %(person_id)s, %(now)s)
ORDER BY context_note.context_note_id DESC
LIMIT %(limit)s;

-- name: notes_written_since
SELECT count(*)::integer AS number FROM context_note
WHERE person_id = %(person_id)s AND created_at > %(since)s;

-- A form that was sent twice is one note.
-- name: add_note
INSERT INTO context_note (person_id, kind, first_day, last_day, own_words, staff_id, created_at)
SELECT %(person_id)s, %(kind)s, %(first_day)s, %(last_day)s, %(own_words)s, %(staff_id)s::integer,
    %(now)s
WHERE NOT EXISTS (
    SELECT FROM context_note
    WHERE person_id = %(person_id)s AND staff_id IS NOT DISTINCT FROM %(staff_id)s::integer
      AND kind = %(kind)s AND first_day = %(first_day)s AND last_day = %(last_day)s
      AND own_words = %(own_words)s AND removed_at IS NULL
)
RETURNING context_note_id;

-- name: remove_note
UPDATE context_note
SET removed_at = %(now)s, own_words = ''
WHERE context_note_id = %(context_note_id)s AND person_id = %(person_id)s
  AND staff_id IS NOT DISTINCT FROM %(staff_id)s::integer AND removed_at IS NULL;
