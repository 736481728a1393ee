-- What the demo's people agreed to before the first reading came, as an administrator writes it down.

-- name: basis
INSERT INTO lawful_basis (basis, nation, explanation, review_on, set_at, set_by)
VALUES ('public_task', 'england', %(explanation)s, %(review_on)s, %(at)s, %(staff_id)s);

-- name: text
INSERT INTO agreement_text (version, body, set_at, set_by) VALUES (1, %(body)s, %(at)s, %(staff_id)s);

-- name: birth_month
UPDATE identity SET birth_month = %(birth_month)s WHERE person_id = %(person_id)s;

-- name: agree
INSERT INTO agreement (
    person_id, agreement_text_id, said_by, decision, decided_on, recorded_at, recorded_by
)
SELECT %(person_id)s, agreement_text_id, unnest(%(said_by)s::text[]), 'agreed', %(at)s::date, %(at)s,
    %(staff_id)s
FROM agreement_text;

-- name: share
INSERT INTO sharing_preference (person_id, shares_with, recorded_at, recorded_by)
VALUES (%(person_id)s, '{clinician}', %(at)s, %(staff_id)s);
