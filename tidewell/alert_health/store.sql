-- Figures of the alerts that were raised within a time. No row is about one person, and probes are not counted.

-- One row for all alerts, and for each level, rule and team. A team is that of the key worker when the alert
-- was raised; what a limit of the plan raised is a rule of its own.
-- name: groups
WITH chosen AS MATERIALIZED (
    SELECT alert.level, alert.state, alert.outcome, alert.raised_at, alert.closed_at,
        alert.cause || CASE WHEN episode.strand LIKE 'limit%%' THEN ' limit' ELSE '' END AS rule,
        coalesce(worker.team, '') AS team, story.accepted_at,
        coalesce(story.is_held, false) AS is_held,
        coalesce(story.is_escalated, false) AS is_escalated,
        extract(isodow FROM alert.raised_at AT TIME ZONE person.timezone) > 5
            OR extract(hour FROM alert.raised_at AT TIME ZONE person.timezone) NOT BETWEEN 8 AND 17
            AS is_out_of_hours
    FROM alert
    JOIN person USING (person_id)
    LEFT JOIN episode USING (episode_id)
    LEFT JOIN LATERAL (
        SELECT team.name AS team FROM assignment
        JOIN staff USING (staff_id)
        JOIN team USING (team_id)
        WHERE assignment.person_id = alert.person_id AND assignment.kind = 'key_worker'
          AND assignment.valid_from <= alert.raised_at
          AND (assignment.valid_until IS NULL OR assignment.valid_until > alert.raised_at)
        LIMIT 1
    ) AS worker ON true
    LEFT JOIN LATERAL (
        SELECT min(at) FILTER (WHERE kind IN ('accepted', 'snoozed')) AS accepted_at,
            bool_or(kind = 'held') AS is_held,
            bool_or(kind IN ('escalated', 'overdue')) AS is_escalated
        FROM alert_event WHERE alert_event.alert_id = alert.alert_id
    ) AS story ON true
    WHERE alert.raised_at >= %(since)s AND alert.raised_at < %(until)s
)
SELECT CASE GROUPING(level, rule, team)
        WHEN 7 THEN 'all' WHEN 3 THEN 'level' WHEN 5 THEN 'rule' ELSE 'team'
    END AS kind,
    coalesce(level, rule, team, '') AS name,
    count(*) AS alerts,
    count(*) FILTER (WHERE state = 'closed') AS closed,
    count(*) FILTER (WHERE is_out_of_hours) AS out_of_hours,
    count(*) FILTER (WHERE is_held) AS held,
    count(*) FILTER (WHERE is_escalated) AS escalated,
    count(*) FILTER (WHERE accepted_at IS NULL AND state <> 'closed') AS unanswered,
    count(*) FILTER (WHERE outcome IN ('support_needed', 'already_known')) AS right_ones,
    count(*) FILTER (WHERE outcome IN ('all_fine', 'data_was_wrong')) AS wrong_ones,
    count(*) FILTER (WHERE outcome = 'could_not_reach') AS not_reached,
    percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
        ORDER BY extract(epoch FROM accepted_at - raised_at)::double precision
    ) AS accept_s,
    percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
        ORDER BY extract(epoch FROM closed_at - raised_at)::double precision
    ) AS close_s
FROM chosen
GROUP BY GROUPING SETS ((), (level), (rule), (team))
ORDER BY 1, alerts DESC, 2;

-- How many people there were, and for how many days, in all and by the team of their key worker at the end.
-- name: people
SELECT team.name AS team, GROUPING(team.name) = 1 AS is_all, count(*) AS people,
    sum(extract(epoch FROM %(until)s - greatest(person.created_at, %(since)s)))::double precision / 86400
        AS person_days
FROM person
LEFT JOIN assignment ON assignment.person_id = person.person_id AND assignment.kind = 'key_worker'
    AND assignment.valid_from <= %(until)s
    AND (assignment.valid_until IS NULL OR assignment.valid_until > %(until)s)
LEFT JOIN staff USING (staff_id)
LEFT JOIN team USING (team_id)
WHERE person.created_at < %(until)s
GROUP BY GROUPING SETS ((), (team.name))
ORDER BY 2, 1;

-- Who was asked and whom no message reached. The console of the service reaches nobody.
-- name: unreached
SELECT staff.display_name AS name, count(DISTINCT delivery.alert_id) AS alerts,
    bool_and(delivery.channel = 'console') AS has_no_address
FROM delivery
JOIN alert USING (alert_id)
JOIN staff USING (staff_id)
WHERE alert.raised_at >= %(since)s AND alert.raised_at < %(until)s AND alert.person_id <> 0
GROUP BY staff.staff_id, staff.display_name
HAVING NOT bool_or(delivery.state = 'handed_over' AND delivery.channel <> 'console')
ORDER BY alerts DESC, name
LIMIT %(most)s;
