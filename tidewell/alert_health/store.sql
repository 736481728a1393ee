-- Figures of the alerts that were raised within a time. No row is about one person, and probes are not counted.
-- The functions are those of migration 0023: whoever asks for figures sees none of the rows behind them.

-- name: groups
SELECT kind, name, alerts, closed, out_of_hours, held, escalated, unanswered, right_ones, wrong_ones, not_reached,
    accept_s, close_s
FROM alert_health_groups(%(since)s, %(until)s);

-- name: people
SELECT team, is_all, people, person_days FROM alert_health_people(%(since)s, %(until)s);

-- name: unreached
SELECT name, alerts, has_no_address FROM alert_health_unreached(%(since)s, %(until)s, %(most)s);
