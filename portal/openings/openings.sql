-- Openings in need. The table is written and read by guarded functions only, which ask who is looking.

-- name: open
SELECT answer, opened_person_id FROM open_in_need(%(called)s, %(reason)s, %(now)s);

-- name: finish
SELECT finish_opening(%(opening_id)s, %(now)s) AS is_done;

-- name: review
SELECT review_opening(%(opening_id)s, %(verdict)s, %(now)s) AS is_done;

-- name: shown
SELECT opening_id, person_id, called, opener, is_own, is_mine, reason, opened_at, ends_at, finished_at,
    reviewed_at, reviewer, verdict
FROM openings_shown(%(since)s, %(now)s, %(limit)s);
