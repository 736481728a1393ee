-- What was agreed. Nothing is changed: each answer is a row, and the latest one counts.

-- name: facts
SELECT person.person_id, person.label, identity.birth_month, basis.nation, written.version,
    young.decision AS young_decision, young.decided_on AS young_on, young.version AS young_version,
    parent.decision AS parent_decision, parent.decided_on AS parent_on,
    parent.version AS parent_version, judged.outcome, judged.review_on, judged.judged_on,
    judged.judge, sharing.shares_with, worn.is_worn IS NOT NULL AS wears_a_device
FROM person
LEFT JOIN identity USING (person_id)
LEFT JOIN (
    SELECT nation FROM lawful_basis ORDER BY lawful_basis_id DESC LIMIT 1
) AS basis ON true
LEFT JOIN (SELECT max(version) AS version FROM agreement_text) AS written ON true
LEFT JOIN LATERAL (
    SELECT agreement.decision, agreement.decided_on, agreement_text.version
    FROM agreement JOIN agreement_text USING (agreement_text_id)
    WHERE agreement.person_id = person.person_id AND agreement.said_by = 'young_person'
    ORDER BY agreement.agreement_id DESC LIMIT 1
) AS young ON true
LEFT JOIN LATERAL (
    SELECT agreement.decision, agreement.decided_on, agreement_text.version
    FROM agreement JOIN agreement_text USING (agreement_text_id)
    WHERE agreement.person_id = person.person_id AND agreement.said_by = 'parent'
    ORDER BY agreement.agreement_id DESC LIMIT 1
) AS parent ON true
LEFT JOIN LATERAL (
    SELECT competence.outcome, competence.review_on, competence.judged_on,
        staff.display_name AS judge
    FROM competence JOIN staff ON staff.staff_id = competence.judged_by
    WHERE competence.person_id = person.person_id
    ORDER BY competence.competence_id DESC LIMIT 1
) AS judged ON true
LEFT JOIN LATERAL (
    SELECT shares_with FROM sharing_preference
    WHERE sharing_preference.person_id = person.person_id
    ORDER BY sharing_preference_id DESC LIMIT 1
) AS sharing ON true
LEFT JOIN LATERAL (
    SELECT true AS is_worn FROM device_assignment JOIN device USING (device_id)
    WHERE device_assignment.person_id = person.person_id AND device_assignment.valid_until IS NULL
      AND device.revoked_at IS NULL
    LIMIT 1
) AS worn ON true
WHERE person.person_id > 0
  AND (%(person_id)s::integer IS NULL OR person.person_id = %(person_id)s)
ORDER BY person.label;

-- name: history
SELECT agreement.decided_on, agreement.said_by, agreement.decision, agreement_text.version,
    agreement.recorded_at, staff.display_name AS recorded_by
FROM agreement
JOIN agreement_text USING (agreement_text_id)
JOIN staff ON staff.staff_id = agreement.recorded_by
WHERE agreement.person_id = %(person_id)s
ORDER BY agreement.agreement_id DESC
LIMIT 50;

-- name: add_agreement
INSERT INTO agreement (
    person_id, agreement_text_id, said_by, decision, decided_on, recorded_at, recorded_by
)
SELECT %(person_id)s, agreement_text_id, %(said_by)s, %(decision)s, %(decided_on)s, %(now)s,
    %(staff_id)s
FROM agreement_text ORDER BY version DESC LIMIT 1
RETURNING agreement_id;

-- name: add_competence
INSERT INTO competence (
    person_id, outcome, judged_by, judged_on, review_on, recorded_at, recorded_by
)
VALUES (
    %(person_id)s, %(outcome)s, %(judged_by)s, %(judged_on)s, %(review_on)s, %(now)s, %(staff_id)s
);

-- name: add_sharing
INSERT INTO sharing_preference (person_id, shares_with, recorded_at, recorded_by)
VALUES (%(person_id)s, %(shares_with)s, %(now)s, %(staff_id)s);

-- name: basis
SELECT lawful_basis.basis, lawful_basis.nation, lawful_basis.explanation, lawful_basis.review_on,
    lawful_basis.set_at, staff.display_name AS set_by
FROM lawful_basis JOIN staff ON staff.staff_id = lawful_basis.set_by
ORDER BY lawful_basis_id DESC LIMIT 1;

-- name: set_basis
INSERT INTO lawful_basis (basis, nation, explanation, review_on, set_at, set_by)
VALUES (%(basis)s, %(nation)s, %(explanation)s, %(review_on)s, %(now)s, %(staff_id)s);

-- name: text
SELECT agreement_text.version, agreement_text.body, agreement_text.set_at,
    staff.display_name AS set_by
FROM agreement_text JOIN staff ON staff.staff_id = agreement_text.set_by
ORDER BY version DESC LIMIT 1;

-- Two who save at once: the second one waits, and then sees the number of the first.
-- name: lock_texts
SELECT pg_advisory_xact_lock(hashtextextended('tidewell.agreement_text', 0));

-- name: set_text
INSERT INTO agreement_text (version, body, set_at, set_by)
SELECT coalesce(max(version), 0) + 1, %(body)s, %(now)s, %(staff_id)s FROM agreement_text;
