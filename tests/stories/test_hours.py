"""Evenings, weekends, bank holidays and the nights when clocks change."""

from __future__ import annotations

from tests.stories.story import Story


async def test_what_comes_on_friday_evening_is_told_on_monday_morning(story: Story) -> None:
    """Complaint 10: a pause in the chain ends by itself, at the minute when work begins."""
    story.at("Fri 17:05").opens()
    story.at("Mon 09:00").expects("key worker").after("10 min").accepts("key worker")
    ending = await story.until("Mon 12:00")
    assert (await ending.log()).count("held:held_out_of_hours") == 1


async def test_a_deadline_that_friday_evening_cuts_goes_on_on_monday(story: Story) -> None:
    """Complaint 10: four working hours from Friday 15:00 end on Monday at 11:00."""
    story.at("Fri 15:00").opens().expects("key worker")
    story.at("Mon 11:00").expects("duty").after("5 min").accepts("duty")
    await story.until("Mon 12:00")


async def test_at_night_check_now_goes_to_the_duty_line_at_once(story: Story) -> None:
    story.at("Wed 02:00").opens("check_now").expects("duty", "check now")
    story.at("Wed 02:15").expects("manager", "check now").after("1 min").accepts("manager")
    story.at("Wed 02:40").closes("manager", "support_needed")
    await story.until("Wed 18:00")


async def test_at_night_without_a_duty_line_it_is_told_all_the_same_and_said_that_nobody_watches(
    story: Story,
) -> None:
    """Complaint 11: that nobody is on call is said at once, and not found out later."""
    story.set(duty_line=[])
    story.at("Wed 02:00").opens("check_now").expects("key worker", "check now")
    story.at("Wed 02:10").accepts("key worker")
    ending = await story.until("Wed 02:39")
    assert "nobody_watching:no_duty_line" in await ending.log()


async def test_on_christmas_eve_a_review_waits_for_the_first_working_day(story: Story) -> None:
    """Friday is Christmas, and Boxing Day is kept on Monday because it falls on a Saturday."""
    story.begins("2026-12-24 16:00")
    story.at("2026-12-24 18:00").opens("for_review")
    story.at("2026-12-29 09:00").expects("key worker", "for review").after("1 h").closes(
        "key worker", "already_known"
    )
    await story.until("+1 weeks")


async def test_a_deadline_across_a_bank_holiday_is_a_working_day_later(story: Story) -> None:
    """Good Friday and Easter Monday of 2027 are no days of work."""
    story.begins("2027-03-25 08:00")
    story.at("2027-03-25 16:00").opens().expects("key worker")
    story.at("2027-03-30 12:00").expects("duty").after("5 min").accepts("duty")
    await story.until("+1 h")


async def test_a_day_that_the_service_closes_by_itself_is_kept_too(story: Story) -> None:
    story.policy["working_hours"] = story.policy["working_hours"] | {"closed_days": ["2026-11-25"]}
    story.at("Wed 10:00").opens()
    story.at("Thu 09:00").expects("key worker").after("5 min").accepts("key worker")
    await story.until("Thu 12:00")


async def test_in_the_night_when_clocks_go_back_check_now_waits_no_longer(story: Story) -> None:
    """Complaint 23: between 01:00 and 02:00, which come twice, a quarter of an hour is one."""
    story.begins("2026-10-24 18:00")
    story.at("2026-10-25 00:50 UTC").opens("check_now").expects("duty", "check now")
    story.at("2026-10-25 01:05 UTC").expects("manager", "check now")
    story.at("2026-10-25 01:06 UTC").accepts("manager")
    story.at("2026-10-25 01:20 UTC").closes("manager")
    await story.until("+2 days")


async def test_in_the_night_when_clocks_go_forward_nothing_is_skipped(story: Story) -> None:
    """Complaint 23: the hour that does not exist takes nothing with it."""
    story.begins("2027-03-27 18:00")
    story.at("2027-03-28 00:50 UTC").opens("check_now").expects("duty", "check now")
    story.at("2027-03-28 01:05 UTC").expects("manager", "check now")
    story.at("2027-03-28 01:06 UTC").accepts("manager")
    story.at("2027-03-28 01:20 UTC").closes("manager")
    await story.until("+1 days")


async def test_what_is_held_over_a_change_of_clocks_comes_at_nine_by_the_new_time(
    story: Story,
) -> None:
    """Complaint 23: Monday 09:00 is 09:00 on the wall, not 08:00 and not 10:00."""
    story.begins("2026-10-23 18:00")
    story.at("2026-10-24 12:00").opens()
    story.at("2026-10-26 09:00 UTC").expects("key worker").after("5 min").accepts("key worker")
    await story.until("+1 h")


async def test_what_rises_while_it_is_held_does_not_wait_for_morning(story: Story) -> None:
    """Complaint 13: quiet hours never hide a rise, and the morning adds no echo."""
    story.at("Fri 20:00").opens()
    story.at("Sat 03:00").rises("check_now").expects("duty", "check now")
    story.at("Sat 03:10").accepts("duty")
    story.at("Sat 03:30").closes("duty", "support_needed")
    await story.until("Tue 10:00")


async def test_what_somebody_closed_at_the_weekend_is_not_told_on_monday(story: Story) -> None:
    """Complaint 10: nobody is paged for what is done."""
    story.at("Fri 20:00").opens()
    story.at("Sat 11:00").closes("key worker", "already_known")
    ending = await story.until("Tue 10:00")
    assert ending.arrived == []


async def test_an_owner_is_not_reminded_at_the_weekend(story: Story) -> None:
    story.at("Fri 12:00").opens().expects("key worker").after("1 h").accepts("key worker")
    story.at("Mon 13:00").expects("key worker").after("1 h").closes("key worker")
    await story.until("Mon 18:00")


async def test_whoever_is_on_check_now_is_asked_how_it_went_also_at_night(story: Story) -> None:
    """Complaint 9: half an hour is half an hour at night too."""
    story.at("Sat 02:00").opens("check_now").expects("duty", "check now").after("5 min").accepts(
        "duty"
    )
    story.at("Sat 02:35").expects("duty", "check now").after("5 min").closes("duty")
    await story.until("Sat 12:00")
