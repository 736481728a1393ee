-- Two people who ask each other at once, for the same days, would both be away and both cover. The one
-- lock of `arrange_cover` was its giver's; it takes those of both, in one order.

CREATE OR REPLACE FUNCTION arrange_cover(
    giver integer, receiver integer, first_moment timestamptz, end_moment timestamptz, at timestamptz
)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    IF giver = receiver OR NOT EXISTS (
        SELECT FROM public.staff_at_work AS one JOIN public.sign_in USING (staff_id)
        WHERE one.staff_id = receiver AND one.role = 'practitioner'
          AND (one.left_at IS NULL OR one.left_at > at)
    ) THEN
        RETURN 'receiver_cannot';
    END IF;
    IF end_moment <= at OR end_moment <= first_moment OR end_moment > first_moment + interval '93 days' THEN
        RETURN 'days_do_not_fit';
    END IF;
    -- Two pages of one person at once arrange it once; two people do not arrange to cover each other.
    PERFORM pg_advisory_xact_lock(hashtextextended('tidewell.cover', least(giver, receiver)));
    PERFORM pg_advisory_xact_lock(hashtextextended('tidewell.cover', greatest(giver, receiver)));
    IF EXISTS (
        SELECT FROM public.cover
        WHERE away_staff_id = giver AND ended_at IS NULL
          AND valid_from < end_moment AND valid_until > first_moment
    ) THEN
        RETURN 'arranged_already';
    END IF;
    IF EXISTS (
        SELECT FROM public.cover
        WHERE away_staff_id = receiver AND ended_at IS NULL
          AND valid_from < end_moment AND valid_until > first_moment
    ) THEN
        RETURN 'receiver_is_away';
    END IF;
    INSERT INTO public.cover (away_staff_id, cover_staff_id, valid_from, valid_until, arranged_at)
    VALUES (giver, receiver, first_moment, end_moment, at);
    RETURN 'arranged';
END
$$;
