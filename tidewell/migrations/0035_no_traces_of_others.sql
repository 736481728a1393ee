-- Of what was refused, the content is somebody's own only where it says that it was measured while they wore the
-- device: a band that was handed on may still send days of whoever wore it before, and those come in later.
CREATE OR REPLACE FUNCTION dead_letters_for_themselves(viewer_person_id integer)
RETURNS TABLE (
    received_at timestamptz, device_id integer, boot bigint, seq bigint, reason text, detail text, payload text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
BEGIN ATOMIC
    SELECT dead_letter.received_at, dead_letter.device_id, dead_letter.boot, dead_letter.seq, dead_letter.reason,
        dead_letter.detail,
        CASE WHEN substring(encode(dead_letter.payload, 'escape') FROM '"start"\s*:\s*([0-9]{1,16})')::numeric
                >= extract(epoch FROM mine.valid_from) * 1000
            THEN encode(dead_letter.payload, 'escape')
        END
    FROM public.dead_letter
    JOIN public.device_assignment AS mine ON mine.device_id = dead_letter.device_id
        AND dead_letter.received_at >= mine.valid_from
        AND dead_letter.received_at < coalesce(mine.valid_until, 'infinity')
    WHERE viewer_person_id = public.viewer_person_id() AND mine.person_id = viewer_person_id
    ORDER BY dead_letter.dead_letter_id;
END;
