-- The access log and its seals. An entry is sealed within seconds; until then it waits.

-- name: see_one_moment
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- What an entry is about is put together here from where it stands, and not by a function of the database.
-- name: seals
SELECT access_seal.seal_number, access_seal.access_id, access_seal.hash,
    trunc(extract(epoch FROM access_log.at) * 1000000)::bigint AS at_us, access_log.person_id,
    access_log.staff_id, access_log.looked_at, access_log.content_hash,
    CASE
        WHEN admin_change.admin_change_id IS NOT NULL THEN concat_ws(
            '|', 'change', admin_change.admin_change_id,
            trunc(extract(epoch FROM admin_change.at) * 1000000)::bigint, admin_change.staff_id,
            admin_change.kind, coalesce(admin_change.person_id::text, '-'),
            coalesce(admin_change.about_staff_id::text, '-'), admin_change.detail
        )
        WHEN opening.opening_id IS NULL THEN NULL
        WHEN access_log.looked_at = 'opened' THEN concat_ws(
            '|', 'opened', opening.opening_id, opening.person_id, opening.staff_id,
            trunc(extract(epoch FROM opening.opened_at) * 1000000)::bigint,
            trunc(extract(epoch FROM opening.ends_at) * 1000000)::bigint, opening.reason
        )
        WHEN access_log.looked_at = 'finished' THEN concat_ws(
            '|', 'finished', opening.opening_id,
            trunc(extract(epoch FROM opening.finished_at) * 1000000)::bigint
        )
        WHEN access_log.looked_at = 'reviewed' THEN concat_ws(
            '|', 'reviewed', opening.opening_id, opening.reviewed_by,
            trunc(extract(epoch FROM opening.reviewed_at) * 1000000)::bigint, opening.verdict
        )
    END AS content,
    EXISTS (SELECT FROM erasure WHERE erasure.person_id = access_log.person_id) AS may_be_gone
FROM access_seal
LEFT JOIN access_log USING (access_id)
LEFT JOIN admin_change USING (admin_change_id)
LEFT JOIN opening ON opening.opening_id = access_log.opening_id
ORDER BY access_seal.seal_number;

-- Entries that came in without passing by where they wait to be sealed, waiting ones that went away, and entries that
-- are not there for what was changed or opened.
-- name: unaccounted
SELECT 'entry ' || found.number || ' came or went without a seal' AS problem
FROM (
    SELECT access_id FROM access_log
    WHERE NOT EXISTS (SELECT FROM access_seal WHERE access_seal.access_id = access_log.access_id)
      AND NOT EXISTS (SELECT FROM access_waiting WHERE access_waiting.access_id = access_log.access_id)
    UNION ALL
    SELECT access_id FROM access_waiting
    WHERE NOT EXISTS (SELECT FROM access_log WHERE access_log.access_id = access_waiting.access_id)
    ORDER BY access_id LIMIT 1
) AS found (number)
UNION ALL
SELECT missing.what || ' has no entry'
FROM (
    SELECT 'change ' || admin_change_id FROM admin_change
    WHERE NOT EXISTS (
        SELECT FROM access_log WHERE access_log.admin_change_id = admin_change.admin_change_id
    )
    UNION ALL
    SELECT told.what || ' ' || opening.opening_id
    FROM opening CROSS JOIN LATERAL (
        VALUES ('opened', 'opening', true), ('finished', 'the end of opening', opening.finished_at IS NOT NULL),
            ('reviewed', 'the review of opening', opening.reviewed_at IS NOT NULL)
    ) AS told (looked_at, what, is_so)
    WHERE told.is_so AND NOT EXISTS (
        SELECT FROM access_log
        WHERE access_log.opening_id = opening.opening_id AND access_log.looked_at = told.looked_at
    )
    ORDER BY 1 LIMIT 1
) AS missing (what)
LIMIT 1;

-- name: waiting
SELECT count(*) FROM access_waiting;

-- name: head
SELECT seal_number, hash FROM access_seal ORDER BY seal_number DESC LIMIT 1;
