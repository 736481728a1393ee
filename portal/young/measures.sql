-- name: channels_off
SELECT DISTINCT channel FROM channel_off
WHERE person_id = %(person_id)s AND off_from <= %(now)s
  AND (off_until IS NULL OR off_until > %(now)s)
ORDER BY channel;

-- name: channels_off_for_staff
SELECT DISTINCT channel FROM channel_off
WHERE person_id = %(person_id)s AND off_from <= %(now)s
  AND (off_until IS NULL OR off_until > %(now)s)
  AND staff_may_see(%(staff_id)s, %(person_id)s, %(now)s)
ORDER BY channel;

-- A finger that taps twice switches off once.
-- name: switch_off
INSERT INTO channel_off (person_id, channel, off_from)
SELECT %(person_id)s, channel, %(now)s FROM unnest(%(channels)s::text[]) AS named (channel)
ON CONFLICT (person_id, channel) WHERE off_until IS NULL DO NOTHING;

-- It was off for at least a microsecond, so that switching on in the same instant is possible.
-- name: switch_on
UPDATE channel_off
SET off_until = GREATEST(%(now)s, off_from + INTERVAL '1 microsecond')
WHERE person_id = %(person_id)s AND channel = ANY (%(channels)s) AND off_until IS NULL;
