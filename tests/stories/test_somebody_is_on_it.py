"""What was accepted: it has an owner and a time, and neither is forgotten."""

from __future__ import annotations

from tests.stories.story import Story


async def test_accepted_and_forgotten_is_asked_about_once_and_then_goes_on(story: Story) -> None:
    """Complaint 9: the owner is reminded, alone; only then do others hear of it again."""
    story.at("Mon 09:00").opens().expects("key worker").after("1 h").accepts("key worker")
    story.at("Tue 10:00").expects("key worker")
    story.at("Tue 14:00").expects("duty").after("5 min").accepts("duty")
    ending = await story.until("Tue 16:00")
    assert "re_opened:accepted_not_closed" in await ending.log()


async def test_whoever_is_still_on_it_has_the_time_again_and_is_not_nagged(story: Story) -> None:
    """Complaint 15: one reminder for each time that was agreed, no more and no less."""
    story.at("Mon 09:00").opens().expects("key worker").after("1 h").accepts("key worker")
    story.at("Tue 10:00").expects("key worker").after("5 min").accepts("key worker")
    story.at("Wed 10:05").expects("key worker").after("5 min").closes("key worker")
    ending = await story.until("Fri 17:00")
    assert "accepted:still_on_it" in await ending.log()


async def test_an_alert_whose_owner_left_the_service_is_given_to_the_next_at_once(
    story: Story,
) -> None:
    """Complaint 9: who left is on nothing any more; others are asked within a minute or two."""
    story.at("Mon 09:00").opens().expects("key worker").after("1 h").accepts("key worker")
    story.at("Mon 12:00").leaves("key worker").expects("duty", within="2 min")
    story.at("Mon 12:05").accepts("duty")
    ending = await story.until("Mon 15:00")
    assert "re_opened:owner_left" in await ending.log()


async def test_an_alert_whose_owner_left_in_the_evening_is_open_at_once_and_told_in_the_morning(
    story: Story,
) -> None:
    """Complaints 9 and 10: what was put off by who left is not put off, and wakes nobody."""
    story.at("Mon 16:00").opens().expects("key worker").after("5 min").snoozes(
        "key worker", until="Tue 14:00"
    )
    story.at("Mon 19:00").leaves("key worker")
    story.at("Tue 09:00").expects("duty").after("5 min").accepts("duty")
    ending = await story.until("Tue 12:00")
    log = await ending.log()
    assert log.count("re_opened:owner_left") == 1
    assert log.count("notification_queued:owner_left") == 1


async def test_an_alert_whose_owner_went_on_leave_is_given_to_the_cover(story: Story) -> None:
    """Complaint 14: what somebody was on when they left goes on with whoever covers."""
    story.away("key worker", by="cover", since="Tue 08:00", until="Fri 17:00")
    story.at("Mon 09:00").opens().expects("key worker").after("1 h").accepts("key worker")
    story.at("Tue 10:00").expects("cover").after("5 min").accepts("cover")
    await story.until("Tue 12:00")


async def test_two_who_accept_at_one_moment_do_not_both_have_it(story: Story) -> None:
    """Complaint 19: one is on it, and the other reads who."""
    story.with_team("colleague")
    story.at("Mon 09:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 09:15").expects("colleague", "check now").expects("key worker", "check now")
    story.at("Mon 09:20").accepts("colleague").accepts("key worker")
    ending = await story.until("Mon 09:49")
    assert await ending.alerts() == ["A illness check_now accepted by colleague"]
    assert (await ending.log())[-1] == "action_refused:accepted_by_another"


async def test_an_answer_on_a_page_that_is_out_of_date_does_not_count(story: Story) -> None:
    """Complaint 13: "I'm on it" was said of check today; check now waits for its own answer."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 10:10").rises("check_now").expects("key worker", "check now")
    story.at("Mon 10:11").accepts("key worker", seen="check_today")
    story.at("Mon 10:12").accepts("key worker")
    ending = await story.until("Mon 10:40")
    assert "action_refused:level_rose_since" in await ending.log()


async def test_a_rise_is_told_to_whoever_had_accepted_the_lower_level(story: Story) -> None:
    story.with_team("colleague")
    story.at("Mon 09:00").opens().expects("key worker")
    story.at("Mon 13:00").expects("colleague").expects("key worker")
    story.at("Mon 13:10").accepts("colleague")
    story.at("Mon 14:00").rises("check_now").expects("key worker", "check now").expects(
        "colleague", "check now"
    )
    story.at("Mon 14:05").accepts("colleague")
    await story.until("Mon 14:30")


# ---- Put off ------------------------------------------------------------------


async def test_what_is_put_off_comes_back_to_whoever_put_it_off(story: Story) -> None:
    """Complaint 13: putting off has an end, and the end is kept."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 10:30").snoozes("key worker", until="Tue 09:30")
    story.at("Tue 09:30").expects("key worker").after("5 min").closes("key worker")
    await story.until("Wed 10:00")


async def test_what_is_put_off_into_the_night_comes_back_in_the_morning(story: Story) -> None:
    """Complaint 13: an end outside working hours is the next start of work."""
    story.at("Mon 16:00").opens().expects("key worker")
    story.at("Mon 16:30").snoozes("key worker", until="Mon 20:00")
    story.at("Tue 09:00").expects("key worker").after("5 min").closes("key worker")
    await story.until("Wed 10:00")


async def test_putting_off_never_hides_a_rise(story: Story) -> None:
    """Complaint 13: a snoozed high must not hide the low."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 10:30").snoozes("key worker", until="Tue 09:30")
    story.at("Mon 11:00").rises("check_now").expects("key worker", "check now")
    story.at("Mon 11:05").accepts("key worker")
    story.at("Mon 11:20").closes("key worker", "support_needed")
    ending = await story.until("Wed 10:00")
    assert await ending.alerts() == ["A illness check_now closed"]


async def test_putting_off_holds_for_one_person_and_one_cause(story: Story) -> None:
    """Complaint 13: another cause, and another person, ring as if nothing were put off."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 10:30").snoozes("key worker", until="Tue 09:30")
    story.at("Mon 11:00").opens(cause="sleep").expects("key worker")
    story.at("Mon 11:30").opens(about="B").expects("key worker")
    story.at("Mon 12:00").closes("key worker", cause="sleep").closes("key worker", about="B")
    story.at("Tue 09:30").expects("key worker").after("5 min").closes("key worker")
    await story.until("Wed 10:00")


async def test_putting_off_for_longer_than_the_level_may_wait_is_refused_and_stops_nothing(
    story: Story,
) -> None:
    """Complaint 13: snoozed till re-enabled, and forgotten, cannot happen."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 10:30").snoozes("key worker", until="Thu 09:30")
    story.at("Mon 14:00").expects("duty").after("5 min").accepts("duty")
    ending = await story.until("Mon 15:00")
    assert "action_refused:snooze_too_long" in await ending.log()


# ---- Passed on ----------------------------------------------------------------


async def test_what_is_passed_on_and_not_taken_stays_with_the_giver(story: Story) -> None:
    """Complaint 14: no gap between two carers: the giver is still the one who is asked."""
    story.with_team("colleague")
    story.at("Mon 09:00").opens().expects("key worker").after("10 min").accepts("key worker")
    story.at("Mon 09:30").passes_on("key worker", to="colleague").expects("colleague")
    story.at("Tue 09:10").expects("key worker").after("5 min").closes("key worker")
    await story.until("Wed 09:00")


async def test_what_is_passed_on_and_taken_leaves_the_giver_in_peace(story: Story) -> None:
    """Complaint 14: one tap to give, one to take."""
    story.with_team("colleague")
    story.at("Mon 09:00").opens().expects("key worker").after("10 min").accepts("key worker")
    story.at("Mon 09:30").passes_on("key worker", to="colleague").expects("colleague")
    story.at("Mon 10:00").accepts("colleague")
    story.at("Tue 10:00").expects("colleague").after("5 min").closes("colleague")
    await story.until("Wed 09:00")


# ---- Closed -------------------------------------------------------------------


async def test_after_closing_nobody_is_told_whatever_somebody_presses(story: Story) -> None:
    """Complaint 10: no page after the end, not after months either."""
    story.has("clinician", about="A")
    story.at("Mon 09:00").opens().expects("key worker").after("10 min").closes("key worker")
    story.at("Mon 10:00").accepts("clinician")
    story.at("Mon 10:10").closes("clinician", "support_needed")
    ending = await story.until("+12 weeks")
    assert (await ending.log()).count("action_refused:already_closed") == 2


async def test_what_people_found_reaches_the_detector_in_their_words(story: Story) -> None:
    """Complaint 24: thresholds become personal by what was found; five answers, five lines."""
    outcomes = ["support_needed", "all_fine", "already_known", "data_was_wrong", "could_not_reach"]
    for number, outcome in enumerate(outcomes):
        about = "ABCDE"[number]
        story.key_workers[about] = f"worker {about}"
        story.at("+1 h").opens(about=about).expects(f"worker {about}").after("5 min").closes(
            f"worker {about}", outcome, about=about
        )
    story.set(working_hours=None)
    ending = await story.until("+2 h")
    found = await ending.town.rows("SELECT outcome FROM outcome_for_detector ORDER BY 1")
    assert [row["outcome"] for row in found] == sorted(outcomes)
