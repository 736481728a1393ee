-- The limits of a person's agreed plan. `now` is a parameter.

-- name: show
SELECT slot, channel, direction, value, for_minutes, level, while_resting, agreed_on
FROM plan_limit WHERE person_id = %(person_id)s ORDER BY slot;

-- name: set
INSERT INTO plan_limit (
    person_id, slot, channel, direction, value, for_minutes, level, while_resting, agreed_on, set_by, set_at
)
VALUES (
    %(person_id)s, %(slot)s, %(channel)s, %(direction)s, %(value)s, %(for_minutes)s, %(level)s,
    %(while_resting)s, %(agreed_on)s, %(set_by)s, %(now)s
)
ON CONFLICT (person_id, slot) DO UPDATE SET
    channel = excluded.channel, direction = excluded.direction, value = excluded.value,
    for_minutes = excluded.for_minutes, level = excluded.level, while_resting = excluded.while_resting,
    agreed_on = excluded.agreed_on, set_by = excluded.set_by, set_at = excluded.set_at;

-- name: clear
DELETE FROM plan_limit WHERE person_id = %(person_id)s AND slot = %(slot)s;
