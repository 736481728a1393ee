-- What young people ask about their own information. Their own number comes from their session; staff see and
-- answer what is about the people whose pages open to them; administrators see that it is there and when it is due, and
-- neither names nor words.

-- name: my_requests
SELECT data_request_id, kind, words, asked_at, taken_back_at, outcome, answer, answered_at,
    staff.display_name AS answered_by_name
FROM data_request
LEFT JOIN staff ON staff.staff_id = data_request.answered_by
WHERE person_id = %(person_id)s
ORDER BY data_request_id DESC
LIMIT %(limit)s;

-- name: asked_lately
SELECT count(*)::integer AS number FROM data_request
WHERE person_id = %(person_id)s AND asked_at > %(since)s;

-- A form that was sent twice asks once.
-- name: ask
INSERT INTO data_request (person_id, kind, words, asked_at)
SELECT %(person_id)s, %(kind)s, %(words)s, %(now)s
WHERE NOT EXISTS (
    SELECT FROM data_request
    WHERE person_id = %(person_id)s AND kind = %(kind)s AND words = %(words)s
      AND answered_at IS NULL AND taken_back_at IS NULL
)
RETURNING data_request_id;

-- name: take_back
UPDATE data_request SET taken_back_at = %(now)s
WHERE data_request_id = %(data_request_id)s AND person_id = %(person_id)s
  AND answered_at IS NULL AND taken_back_at IS NULL;

-- name: requests_for_staff
SELECT data_request.data_request_id, data_request.person_id, data_request.kind, data_request.words,
    data_request.asked_at, data_request.outcome, data_request.answer, data_request.answered_at,
    coalesce(identity.preferred_name, person.label) AS name, staff.display_name AS answered_by_name
FROM data_request
JOIN person USING (person_id)
LEFT JOIN identity USING (person_id)
LEFT JOIN staff ON staff.staff_id = data_request.answered_by
WHERE data_request.taken_back_at IS NULL
  AND (data_request.answered_at IS NULL OR data_request.answered_at > %(since)s)
  AND data_request.person_id IN (
      SELECT open_now.person_id FROM people_open_to(%(staff_id)s, %(now)s) AS open_now
  )
ORDER BY data_request.answered_at IS NOT NULL, data_request.asked_at
LIMIT %(limit)s;

-- name: requests_for_admin
SELECT label, kind, asked_at FROM data_requests_due(%(limit)s);

-- name: answer
UPDATE data_request
SET outcome = %(outcome)s, answer = %(answer)s, answered_by = %(staff_id)s, answered_at = %(now)s
WHERE data_request_id = %(data_request_id)s AND answered_at IS NULL AND taken_back_at IS NULL
  AND person_id IN (
      SELECT open_now.person_id FROM people_open_to(%(staff_id)s, %(now)s) AS open_now
  )
RETURNING data_request_id;
