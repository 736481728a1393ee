-- The record of a person. Every query asks whether the viewer may see the person. `now` is a parameter.

-- name: support_notes
SELECT support_note.support_note_id, support_note.worried, support_note.working_well,
    support_note.needs, support_note.scale, support_note.written_at, support_note.staff_id,
    staff.display_name AS staff_name
FROM support_note
JOIN staff USING (staff_id)
WHERE support_note.person_id = %(person_id)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY support_note.support_note_id DESC
LIMIT %(limit)s;

-- name: add_support_note
INSERT INTO support_note (
    person_id, staff_id, alert_id, worried, working_well, needs, scale, written_at
) VALUES (
    %(person_id)s, %(staff_id)s, %(alert_id)s, %(worried)s, %(working_well)s, %(needs)s, %(scale)s, %(now)s
);

-- A form that was sent twice is one contact.
-- name: add_contact
INSERT INTO contact_log (person_id, staff_id, kind, at, is_whole_day, note, written_at)
SELECT %(person_id)s, %(staff_id)s, %(kind)s, %(at)s, %(is_whole_day)s, %(note)s, %(now)s
WHERE NOT EXISTS (
    SELECT FROM contact_log
    WHERE person_id = %(person_id)s AND staff_id = %(staff_id)s AND kind = %(kind)s
      AND note = %(note)s AND is_whole_day = %(is_whole_day)s
      AND (NOT is_whole_day OR at = %(at)s) AND written_at > %(same_since)s
);

-- name: contacts_written_since
SELECT count(*)::integer AS number FROM contact_log
WHERE person_id = %(person_id)s AND staff_id = %(staff_id)s AND written_at > %(since)s;

-- What can be put right: a contact of this person, or what was written when an alert about them was closed.
-- name: contact
SELECT contact_log.contact_id AS number FROM contact_log
WHERE contact_log.contact_id = %(contact_id)s AND contact_log.person_id = %(person_id)s
  AND contact_log.kind <> 'correction';

-- name: closed_alert
SELECT alert.alert_id AS number FROM alert
WHERE alert.public_id = %(public_id)s AND alert.person_id = %(person_id)s AND alert.state = 'closed';

-- name: add_correction
INSERT INTO contact_log (
    person_id, staff_id, kind, at, note, corrects, corrects_alert_id, written_at
)
SELECT %(person_id)s, %(staff_id)s, 'correction', %(now)s, %(note)s, %(corrects)s::bigint,
    %(corrects_alert_id)s::bigint, %(now)s
WHERE NOT EXISTS (
    SELECT FROM contact_log
    WHERE person_id = %(person_id)s AND staff_id = %(staff_id)s AND kind = 'correction'
      AND note = %(note)s AND corrects IS NOT DISTINCT FROM %(corrects)s::bigint
      AND corrects_alert_id IS NOT DISTINCT FROM %(corrects_alert_id)s::bigint
);

-- name: contacts
SELECT contact_log.contact_id, contact_log.kind, contact_log.at, contact_log.is_whole_day,
    contact_log.note, contact_log.corrects, corrected.public_id AS corrects_alert,
    contact_log.written_at, staff.display_name AS staff_name
FROM contact_log
JOIN staff USING (staff_id)
LEFT JOIN alert AS corrected ON corrected.alert_id = contact_log.corrects_alert_id
WHERE contact_log.person_id = %(person_id)s
  AND (contact_log.kind = 'correction' OR (contact_log.at >= %(since)s AND contact_log.at < %(until)s))
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY contact_log.at DESC, contact_log.contact_id DESC
LIMIT %(limit)s;

-- The newest time that somebody reached them or tried: by a contact or by closing an alert.
-- name: last_contact
SELECT contact.kind, contact.at, contact.is_whole_day, staff.display_name AS staff_name
FROM (
    SELECT kind, at, is_whole_day, staff_id FROM contact_log
    WHERE person_id = %(person_id)s AND kind <> 'correction' AND at > %(since)s
    UNION ALL
    SELECT outcome, closed_at, false, closed_by FROM alert
    WHERE person_id = %(person_id)s AND state = 'closed' AND closed_at > %(since)s
      AND outcome IN ('support_needed', 'all_fine', 'could_not_reach')
) AS contact
JOIN staff USING (staff_id)
WHERE staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY contact.at DESC
LIMIT 1;

-- What people did with alerts and what became of them; messages that were sent stand on the alert's page.
-- What a person asked for is told by `concerns`.
-- name: alert_events
SELECT alert_event.at, alert_event.kind, alert_event.reason, alert_event.staff_id,
    staff.display_name AS staff_name, alert_event.detail, receiver.display_name AS receiver_name,
    alert_action.snooze_until, alert_action.outcome, alert.public_id, alert.cause, alert.level,
    CASE WHEN alert_event.kind = 'closed' THEN COALESCE(alert.note, '') ELSE '' END AS note
FROM alert_event
JOIN alert USING (alert_id)
LEFT JOIN staff USING (staff_id)
LEFT JOIN alert_action USING (alert_action_id)
LEFT JOIN staff AS receiver ON receiver.staff_id = alert_action.to_staff_id
WHERE alert.person_id = %(person_id)s AND alert_event.at >= %(since)s AND alert_event.at < %(until)s
  AND alert_event.kind IN (
    'created', 'accepted', 'passed_on', 'snoozed', 'worsened', 're_opened', 're_raised', 'back_to_usual',
    'closed'
  )
  AND (alert_event.kind <> 'created' OR alert.cause NOT IN ('check_in_asked', 'worry'))
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY alert_event.alert_event_id DESC
LIMIT %(limit)s;

-- name: concerns
SELECT concern.kind, concern.source, concern.level, concern.choice, concern.note, concern.at,
    staff.display_name AS staff_name
FROM concern
LEFT JOIN staff USING (staff_id)
WHERE concern.person_id = %(person_id)s AND concern.at >= %(since)s AND concern.at < %(until)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY concern.concern_id DESC
LIMIT %(limit)s;

-- name: notes
SELECT context_note.context_note_id, context_note.kind, context_note.first_day,
    context_note.last_day, context_note.own_words, context_note.staff_id, context_note.created_at,
    staff.display_name AS staff_name
FROM context_note
LEFT JOIN staff USING (staff_id)
WHERE context_note.person_id = %(person_id)s AND context_note.removed_at IS NULL
  AND context_note.created_at >= %(since)s AND context_note.created_at < %(until)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY context_note.context_note_id DESC
LIMIT %(limit)s;

-- name: support_notes_between
SELECT support_note.support_note_id, support_note.worried, support_note.working_well,
    support_note.needs, support_note.scale, support_note.written_at, support_note.staff_id,
    staff.display_name AS staff_name
FROM support_note
JOIN staff USING (staff_id)
WHERE support_note.person_id = %(person_id)s
  AND support_note.written_at >= %(since)s AND support_note.written_at < %(until)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY support_note.support_note_id DESC
LIMIT %(limit)s;

-- Pauses, and silences with their reason; a pause is its own reason and is told once.
-- name: gaps
SELECT gap.starts_at, gap.ends_at, gap.kind
FROM (
    SELECT paused_from AS starts_at, paused_until AS ends_at, 'paused' AS kind FROM pause
    WHERE person_id = %(person_id)s
    UNION ALL
    SELECT silent_from, ended_at, reason FROM silence
    WHERE person_id = %(person_id)s AND reason <> 'paused'
) AS gap
WHERE gap.starts_at >= %(since)s AND gap.starts_at < %(until)s
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY gap.starts_at DESC
LIMIT %(limit)s;
