-- What people ask for and are worried about, as the pages write and show it.

-- name: tell_alerts
SELECT pg_notify('tidewell_concern', %(concern_id)s::text);

-- A finger that taps twice asks once: the same choice that is not taken in yet is not written again.
-- Nor is any from `most` within an hour on, as long as one stands: it is asked already, and a program
-- that asks without end would hold up what others ask.
-- name: ask_for_check_in
INSERT INTO concern (person_id, kind, source, choice, at)
SELECT %(person_id)s, 'raise', 'young_person', %(choice)s, %(now)s
WHERE NOT EXISTS (
    SELECT FROM concern AS earlier
    WHERE earlier.person_id = %(person_id)s AND earlier.source = 'young_person'
      AND earlier.kind = 'raise' AND earlier.choice = %(choice)s
      AND NOT EXISTS (
          SELECT FROM concern_intake WHERE concern_intake.concern_id = earlier.concern_id
      )
)
AND (
    NOT EXISTS (
        SELECT FROM concern AS standing
        LEFT JOIN concern_intake USING (concern_id)
        LEFT JOIN alert USING (alert_id)
        WHERE standing.person_id = %(person_id)s AND standing.source = 'young_person'
          AND standing.kind = 'raise' AND alert.state IS DISTINCT FROM 'closed'
          AND NOT EXISTS (SELECT FROM concern AS later WHERE later.withdraws = standing.concern_id)
    )
    OR %(most)s > (
        SELECT count(*) FROM concern
        WHERE person_id = %(person_id)s AND source = 'young_person' AND at > %(hour_ago)s
    )
)
RETURNING concern_id;

-- name: asked_lately
SELECT count(*) AS count FROM concern
WHERE person_id = %(person_id)s AND source = 'young_person' AND at > %(hour_ago)s;

-- Everything that is open and that nobody is on yet; nothing is deleted and nothing is closed.
-- name: take_back
INSERT INTO concern (person_id, kind, source, withdraws, at)
SELECT asked.person_id, 'withdraw', 'young_person', asked.concern_id, %(now)s
FROM concern AS asked
LEFT JOIN concern_intake USING (concern_id)
LEFT JOIN alert USING (alert_id)
WHERE asked.person_id = %(person_id)s AND asked.source = 'young_person' AND asked.kind = 'raise'
  AND (alert.alert_id IS NULL OR alert.state NOT IN ('accepted', 'closed'))
  AND NOT EXISTS (SELECT FROM concern AS later WHERE later.withdraws = asked.concern_id)
ORDER BY asked.concern_id
ON CONFLICT (withdraws) DO NOTHING
RETURNING concern_id;

-- Seen means that somebody opened the page of this alert, and nothing less.
-- name: my_asks
SELECT asked.concern_id, asked.choice, asked.at, taken_back.at AS withdrawn_at,
    alert.alert_id, alert.state, alert.wake_at,
    alert.alert_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id AND alert_event.kind = 'notification_queued'
    ) AND EXISTS (
        SELECT FROM alert_event
        WHERE alert_event.alert_id = alert.alert_id AND alert_event.kind = 'held'
    ) AS is_held,
    accepter.display_name AS accepted_by_name, alert.closed_at, alert.outcome,
    closer.display_name AS closed_by_name,
    ARRAY(
        SELECT staff.display_name FROM delivery JOIN staff USING (staff_id)
        WHERE delivery.alert_id = alert.alert_id AND delivery.state = 'handed_over'
        GROUP BY staff.staff_id, staff.display_name ORDER BY min(delivery.delivery_id)
    ) AS told,
    ARRAY(
        SELECT staff.display_name FROM access_log JOIN staff USING (staff_id)
        WHERE access_log.person_id = asked.person_id AND access_log.looked_at = 'asked'
          AND access_log.at >= alert.raised_at
          AND (alert.closed_at IS NULL OR access_log.at <= alert.closed_at)
        GROUP BY staff.staff_id, staff.display_name ORDER BY min(access_log.at)
    ) AS seen
FROM concern AS asked
LEFT JOIN concern AS taken_back ON taken_back.withdraws = asked.concern_id
LEFT JOIN concern_intake ON concern_intake.concern_id = asked.concern_id
LEFT JOIN alert ON alert.alert_id = concern_intake.alert_id
LEFT JOIN staff AS accepter ON accepter.staff_id = alert.accepted_by
LEFT JOIN staff AS closer ON closer.staff_id = alert.closed_by
WHERE asked.person_id = %(person_id)s AND asked.source = 'young_person' AND asked.kind = 'raise'
  AND (asked.at > %(since)s OR alert.state <> 'closed')
ORDER BY asked.concern_id DESC
LIMIT %(limit)s;

-- name: working_stretch
SELECT begins_at, ends_at, has_duty_line FROM working_stretch;

-- Words of their own, wherever they were written: which words, and how soon somebody has to read them.
-- name: say_words
INSERT INTO concern (
    person_id, kind, source, level, check_in_id, context_note_id, data_request_id, at
)
VALUES (
    %(person_id)s, 'raise', 'young_person', %(level)s, %(check_in_id)s, %(context_note_id)s,
    %(data_request_id)s, %(now)s
)
RETURNING concern_id;

-- name: say_worry
INSERT INTO concern (person_id, kind, source, staff_id, level, note, takes_it, at)
SELECT %(person_id)s, 'raise', %(source)s, %(staff_id)s, %(level)s, %(note)s, %(takes_it)s, %(now)s
WHERE staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
  AND NOT EXISTS (
      SELECT FROM concern AS earlier
      WHERE earlier.person_id = %(person_id)s AND earlier.staff_id = %(staff_id)s
        AND earlier.source = %(source)s AND earlier.level = %(level)s AND earlier.note = %(note)s
        AND NOT EXISTS (
            SELECT FROM concern_intake WHERE concern_intake.concern_id = earlier.concern_id
        )
  )
RETURNING concern_id;

-- What somebody wrote and alerts has not taken in yet.
-- name: waiting_worries
SELECT concern.at, concern.level, staff.display_name AS staff_name
FROM concern
JOIN staff USING (staff_id)
WHERE concern.person_id = %(person_id)s
  AND NOT EXISTS (
      SELECT FROM concern_intake WHERE concern_intake.concern_id = concern.concern_id
  )
ORDER BY concern.concern_id;

-- What a colleague has to know besides: other alerts of the last weeks, and who knows the person best.
-- name: other_alerts
SELECT alert.cause, alert.raised_at, alert.state, alert.outcome
FROM alert
WHERE alert.person_id = %(person_id)s AND alert.alert_id <> %(alert_id)s
  AND (alert.raised_at > %(since)s OR alert.state <> 'closed')
  AND staff_may_see(%(staff_id)s, alert.person_id, %(now)s)
ORDER BY alert.raised_at DESC
LIMIT %(limit)s;

-- name: key_workers
SELECT DISTINCT staff.display_name AS name
FROM assignment
JOIN staff USING (staff_id)
WHERE assignment.person_id = %(person_id)s AND assignment.kind = 'key_worker'
  AND assignment.valid_from <= %(now)s
  AND (assignment.valid_until IS NULL OR assignment.valid_until > %(now)s)
ORDER BY name;

-- What an alert that people raised holds; whoever asks has been let in to the alert already.
-- name: concerns_of_alert
SELECT concern.kind, concern.source, concern.level, concern.choice, concern.at,
    CASE
        WHEN concern.check_in_id IS NOT NULL THEN concat_ws(
            E'\n\n',
            'Worries: ' || nullif(check_in.worries, ''),
            'Going well: ' || nullif(check_in.going_well, ''),
            'Hopes: ' || nullif(check_in.hopes, '')
        )
        WHEN concern.context_note_id IS NOT NULL THEN 'A note about days: '
            || coalesce(nullif(context_note.own_words, ''), 'taken back since, the words are deleted')
        WHEN concern.data_request_id IS NOT NULL THEN 'About their information: '
            || coalesce(data_request.words, '')
        ELSE concern.note
    END AS note,
    staff.display_name AS staff_name
FROM concern
JOIN concern_intake USING (concern_id)
LEFT JOIN staff USING (staff_id)
LEFT JOIN check_in USING (check_in_id)
LEFT JOIN context_note USING (context_note_id)
LEFT JOIN data_request USING (data_request_id)
WHERE concern_intake.alert_id = %(alert_id)s
  AND staff_may_see(%(staff_id)s, concern.person_id, %(now)s)
ORDER BY concern.concern_id;
