-- What a command asks about the frames that its own devices sent.

-- A frame that came twice with another `oldest` is kept twice; it counts once.
-- name: refusals
SELECT dead_letter.reason, dead_letter.whole_frame,
       count(DISTINCT (dead_letter.topic, dead_letter.boot, dead_letter.seq))
FROM dead_letter JOIN unnest(%(devices)s::text[], %(boots)s::bigint[]) AS sent (device, boot)
    ON split_part(dead_letter.topic, '/', 4) = sent.device AND dead_letter.boot = sent.boot
GROUP BY dead_letter.reason, dead_letter.whole_frame
ORDER BY dead_letter.whole_frame DESC, dead_letter.reason;
