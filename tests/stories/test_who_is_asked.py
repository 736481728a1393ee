"""Who is asked, in which order, and who is left in peace."""

from __future__ import annotations

from tests.stories.story import Story


async def test_key_worker_on_leave_cover_does_not_answer_duty_accepts_and_nobody_is_told_twice(
    story: Story,
) -> None:
    """Complaint 14: responsibility goes from hand to hand and is never dropped."""
    story.set(working_hours=None)
    story.away("key worker", by="cover", since="Mon 08:00", until="Fri 17:00")
    story.at("Tue 01:55").opens("check_now").expects("cover", "check now")
    story.at("Tue 02:10").expects("duty", "check now")
    story.at("Tue 02:12").accepts("duty")
    ending = await story.until("Tue 02:41")
    assert await ending.alerts() == ["A illness check_now accepted by duty"]


async def test_the_key_worker_accepts_closes_and_nobody_else_ever_hears_of_it(
    story: Story,
) -> None:
    """Complaint 19: there is an "I'm on it", with a name, and it stops everything."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 10:20").accepts("key worker")
    story.at("Mon 15:00").closes("key worker", "support_needed")
    ending = await story.until("+3 weeks")
    assert await ending.alerts() == ["A illness check_today closed"]


async def test_what_nobody_answers_goes_along_the_whole_chain_and_is_never_left_alone(
    story: Story,
) -> None:
    """Complaint 11: each step has its time, and after the last one it starts with everybody."""
    story.at("Mon 09:00").opens().expects("key worker")
    story.at("Mon 13:00").expects("duty")
    story.at("Tue 09:00").expects("manager")
    for moment in ("Tue 13:00", "Wed 09:00"):
        story.at(moment)
        for who in ("key worker", "duty", "manager"):
            story.at(moment).expects(who)
    ending = await story.until("Wed 09:10")
    assert "overdue:escalations_used_up" in await ending.log()


async def test_what_is_for_review_is_not_asked_for_more_often_than_it_may_wait(
    story: Story,
) -> None:
    """Complaint 15: who has three working days to answer is not asked each day."""
    story.set(chain=["key_worker", "service_manager"], escalations_most=1)
    story.at("Mon 09:00").opens("for_review").expects("key worker", "for review")
    story.at("Thu 09:00").expects("manager", "for review")
    for moment in ("Tue 09:00", "Fri 09:00", "Wed 09:00"):
        story.at(moment)
        for who in ("key worker", "duty", "manager"):
            story.at(moment).expects(who, "for review")
    ending = await story.until("+2 days")
    assert "overdue:escalations_used_up" in await ending.log()


async def test_a_step_with_nobody_in_it_costs_no_time(story: Story) -> None:
    """Complaint 11: a person without a key worker is told of at once, and the history says why."""
    story.key_workers["A"] = None
    story.at("Mon 10:00").opens("check_now").expects("duty", "check now").after("5 min").accepts(
        "duty"
    )
    ending = await story.until("Mon 10:15")
    assert "step_skipped:no_key_worker" in await ending.log()


async def test_a_step_where_everybody_was_asked_already_costs_no_time(story: Story) -> None:
    """Complaint 11: the key worker is "assigned" and "in the team" too, and is not asked thrice."""
    story.set(working_hours=None)
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:15").expects("duty", "check now")
    story.at("Mon 10:30").expects("manager", "check now")
    await story.until("Mon 10:44")


async def test_a_clinician_and_the_team_come_before_the_duty_line(story: Story) -> None:
    story.has("clinician", about="A")
    story.with_team("colleague")
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:15").expects("clinician", "check now").expects("key worker", "check now")
    story.at("Mon 10:30").expects("colleague", "check now").expects("key worker", "check now")
    story.at("Mon 10:35").accepts("colleague")
    story.at("Mon 10:40").closes("colleague")
    await story.until("Tue 10:00")


async def test_cover_that_was_not_accepted_changes_nothing(story: Story) -> None:
    """Complaint 14: until the receiver says yes, it stays with the giver."""
    story.away("key worker", by="cover", since="Mon 08:00", until="Fri 17:00", is_accepted=False)
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").accepts("key worker")
    await story.until("Mon 10:30")


async def test_when_cover_ends_the_key_worker_is_asked_again(story: Story) -> None:
    """Complaint 14: cover ends by itself; nobody has to remember to switch it off."""
    story.away("key worker", by="cover", since="Mon 08:00", until="Tue 08:00")
    story.at("Mon 10:00").opens().expects("cover").after("5 min").closes("cover")
    story.at("Tue 10:00").opens(cause="sleep").expects("key worker").after("5 min").closes(
        "key worker", cause="sleep"
    )
    await story.until("Tue 18:00")


async def test_cover_that_is_away_too_is_passed_over_at_once(story: Story) -> None:
    """Complaint 11: who is away is not waited for, however many are."""
    story.away("key worker", by="cover", since="Mon 08:00", until="Fri 17:00")
    story.away("cover", by="cover of cover", since="Mon 08:00", until="Fri 17:00")
    story.at("Mon 10:00").opens("check_now").expects("duty", "check now").after("5 min").accepts(
        "duty"
    )
    await story.until("Mon 10:20")


async def test_who_left_is_asked_by_nobody(story: Story) -> None:
    story.at("Mon 09:00").opens().expects("key worker").after("5 min").closes("key worker")
    story.at("Mon 18:00").leaves("key worker")
    story.at("Tue 10:00").opens(cause="sleep").expects("duty").after("5 min").accepts(
        "duty", cause="sleep"
    )
    await story.until("Tue 12:00")


async def test_with_nobody_at_all_the_alert_waits_and_the_first_who_comes_is_told(
    story: Story,
) -> None:
    """Complaint 11, everything empty: no staff, no duty line, no manager; still nothing is lost."""
    story.key_workers["A"] = None
    story.set(duty_line=[], service_managers=[], working_hours=None)
    story.has("newcomer")
    story.at("Mon 10:00").opens("check_now")
    story.at("Mon 12:05").does(
        "the newcomer becomes the key worker",
        "INSERT INTO assignment (staff_id, person_id, kind, valid_from)"
        " SELECT staff_id, person_id, 'key_worker', '2026-11-23 12:05Z' FROM staff, person"
        " WHERE display_name LIKE '%%newcomer'",
    ).expects("newcomer", "check now", within="15 min").after("15 min").accepts("newcomer")
    ending = await story.until("Mon 12:30")
    assert (await ending.log()).count("no_notification_sent:nobody_assigned") == 1


async def test_an_unreadable_policy_does_not_silence_anybody(story: Story) -> None:
    """What a site saved is nonsense: the shipped policy holds, by day and by night."""
    story.set(nonsense=1)
    story.at("Sat 23:00").opens().expects("key worker").after("5 min").accepts("key worker")
    await story.until("Sun 01:00")
