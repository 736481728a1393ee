-- Numbers of teams. They are as they are; small ones are hidden before anything is shown.

-- name: teams
SELECT team, people::integer AS people, with_alert::integer AS with_alert, little_data::integer AS little_data
FROM people_counted_by_team(%(first_time)s, %(end_time)s, %(worn_least)s, %(days_least)s);
