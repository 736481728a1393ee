"""What the measurements say again, later, twice at once, or not at all any more."""

from __future__ import annotations

from tests.stories.story import Story


async def test_two_episodes_milliseconds_apart_are_one_alert(story: Story) -> None:
    """Complaint 5: one alert and one message, however close the two come."""
    story.at("Mon 10:00").opens().ends(ago="-0.003 s").opens(ago="-0.005 s").expects("key worker")
    story.at("Mon 10:10").closes("key worker")
    ending = await story.until("Tue 10:00")
    assert (await ending.intake()).count("raised") == 1
    assert await ending.alerts() == ["A illness check_today closed"]


async def test_what_rises_at_the_moment_it_opens_is_told_once_and_at_the_higher_level(
    story: Story,
) -> None:
    """Complaint 5: the message of the lower level is taken back before it leaves."""
    story.at("Mon 10:00").opens().rises("check_now").expects("key worker", "check now")
    story.at("Mon 10:05").accepts("key worker")
    await story.until("Mon 10:30")


async def test_two_causes_of_one_person_are_two_alerts(story: Story) -> None:
    """Complaint 4: one signal does not keep another quiet."""
    story.at("Mon 10:00").opens().opens(cause="sleep").expects("key worker").expects("key worker")
    story.at("Mon 10:10").closes("key worker").closes("key worker", cause="sleep")
    await story.until("Tue 10:00")


async def test_flapping_joins_the_alert_that_is_open(story: Story) -> None:
    """Complaint 17: on and off and on again is one alert and one message."""
    story.at("Mon 10:00").opens().expects("key worker")
    for _ in range(5):
        story.at("+15 min").ends()
        story.at("+15 min").opens()
    story.at("Mon 13:00").closes("key worker")
    ending = await story.until("Mon 16:00")
    assert (await ending.log()).count("duplicate_suppressed:merged") == 5
    assert await ending.alerts() == ["A illness check_today closed"]


async def test_flapping_after_somebody_closed_it_rings_nobody_for_three_days(story: Story) -> None:
    """Complaint 17: an echo is written down, and is news again when it has lasted."""
    story.at("Mon 10:00").opens().expects("key worker").after("1 h").closes("key worker")
    story.at("Mon 12:00").ends()
    for _ in range(4):
        story.at("+12 h").opens()
        story.at("+2 h").ends()
    story.at("Thu 11:30").opens().expects("key worker").after("5 min").accepts("key worker")
    ending = await story.until("Thu 15:00")
    assert (await ending.intake()).count("repeat_held") == 4


async def test_a_repeat_is_news_at_once_where_nobody_saw_the_person(story: Story) -> None:
    """Complaint 17: holding back is for what somebody looked at."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 11:00").closes("key worker", "could_not_reach").ends()
    story.at("Mon 15:00").opens().expects("key worker").after("5 min").accepts("key worker")
    await story.until("Mon 17:00")


async def test_what_grows_after_it_was_closed_is_raised_again_and_linked(story: Story) -> None:
    """Complaint 13: a closed alert never hides a rise."""
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").closes("key worker")
    story.at("Mon 12:00").rises("check_now").expects("key worker", "check now")
    story.at("Mon 12:05").accepts("key worker")
    ending = await story.until("Mon 12:30")
    assert await ending.alerts() == [
        "A illness check_today closed",
        "A illness check_now accepted by key worker",
    ]


async def test_what_still_goes_on_days_after_closing_is_raised_again(story: Story) -> None:
    """Complaint 15: never reminded is as bad as reminded each hour."""
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").closes("key worker")
    for day in ("Tue", "Wed"):
        story.at(f"{day} 10:00").goes_on()
    story.at("Thu 10:10").goes_on().expects("key worker").after("5 min").accepts("key worker")
    await story.until("Thu 12:00")


async def test_back_to_usual_is_said_and_closes_nothing(story: Story) -> None:
    """Complaint 18: the end of a change is never lost, and never ends the asking."""
    story.at("Mon 10:00").opens().expects("key worker")
    story.at("Mon 12:00").ends()
    story.at("Mon 14:00").expects("duty").after("5 min").accepts("duty")
    ending = await story.until("Mon 16:00")
    assert await ending.is_back_to_usual() == [True]
    assert await ending.alerts() == ["A illness check_today accepted by duty"]


async def test_an_end_that_is_taken_in_before_a_rise_is_still_an_end(story: Story) -> None:
    """Complaint 18: whatever the order, the alert says both: how bad it was and that it is over."""
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").accepts("key worker")
    story.at("Mon 10:30").ends().rises("check_now").expects("key worker", "check now")
    story.at("Mon 10:40").accepts("key worker")
    ending = await story.until("Mon 11:00")
    assert await ending.is_back_to_usual() == [True]
    assert await ending.alerts() == ["A illness check_now accepted by key worker"]


# ---- Late, and at the start ---------------------------------------------------


async def test_a_recording_of_two_weeks_ago_tells_nobody(story: Story) -> None:
    """Complaint 16: late data rewrites history and never rings as if it were today."""
    story.at("Mon 10:00").opens("check_now", ago="14 days").ends(ago="13 days")
    ending = await story.until("Mon 12:00")
    assert sorted(await ending.intake()) == ["episode_closed", "old_news"]
    assert ending.arrived == []


async def test_an_old_end_that_comes_late_does_not_clear_an_alert_of_today(story: Story) -> None:
    """Complaint 16: what was over two weeks ago says nothing of what goes on."""
    story.at("Mon 10:00").opens(ago="14 days").ends(ago="13 days")
    story.at("Mon 10:30").opens().expects("key worker").after("5 min").accepts("key worker")
    story.at("Mon 11:00").does(
        "the end of the old episode is told once more",
        "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)"
        " SELECT min(episode_id), 'closed', '2026-11-12 10:00Z', '2026-11-23 11:00Z', 'usual', 1,"
        " '{}' FROM episode",
    )
    ending = await story.until("Mon 12:00")
    assert await ending.is_back_to_usual() == [False]


async def test_a_rise_of_long_ago_does_not_wake_anybody_at_night(story: Story) -> None:
    """Complaint 16: a late reading may say how bad it was, and may not page for it."""
    story.at("Mon 10:00").opens(ago="30 h").expects("key worker").after("5 min").accepts(
        "key worker"
    )
    story.at("Mon 12:00").does(
        "a rise of two days ago comes late",
        "INSERT INTO episode_event (episode_id, kind, at, recorded_at, level, score, explanation)"
        " SELECT max(episode_id), 'worsened', '2026-11-21 12:00Z', '2026-11-23 12:00Z',"
        " 'check_now', 1, '{}' FROM episode",
    )
    ending = await story.until("Mon 14:00")
    assert await ending.intake() == ["raised", "old_news"]


async def test_what_was_so_before_the_service_started_is_raised_when_it_starts(
    story: Story,
) -> None:
    """Complaint 6: a change that is there already is a change."""
    story.at("Mon 08:30").service(runs=False)
    story.at("Mon 09:00").opens("check_now")
    story.at("Mon 11:00").service(runs=True).expects("key worker", "check now")
    story.at("Mon 11:05").accepts("key worker")
    await story.until("Mon 11:30")


async def test_what_was_over_before_the_service_started_is_told_and_says_so(story: Story) -> None:
    """Complaints 6 and 18: it happened, so somebody hears of it; that it is over stands beside."""
    story.at("Mon 08:30").service(runs=False)
    story.at("Mon 09:00").opens()
    story.at("Mon 10:00").ends()
    story.at("Mon 11:00").service(runs=True).expects("key worker").after("5 min").accepts(
        "key worker"
    )
    ending = await story.until("Mon 12:00")
    assert await ending.is_back_to_usual() == [True]


async def test_what_came_and_went_while_the_service_was_down_for_days_is_told(
    story: Story,
) -> None:
    """Complaints 6 and 16: ingest noticed it in time, so that it is told late is our doing."""
    story.at("Mon 08:30").service(runs=False)
    story.at("Mon 09:00").opens("check_now").opens("check_now", about="B", ago="40 h")
    story.at("Mon 10:00").ends().ends(about="B", ago="39 h")
    story.at("Thu 11:00").service(runs=True).expects("key worker", "check now")
    story.at("Thu 11:05").accepts("key worker")
    ending = await story.until("Thu 11:30")
    assert await ending.is_back_to_usual() == [True]
    told = sorted(await ending.intake())
    assert told == ["back_to_usual", "episode_closed", "old_news", "raised"]


async def test_what_was_over_weeks_before_alerts_were_first_started_tells_nobody(
    story: Story,
) -> None:
    """A trial without alerts does not end with a hundred messages about last month."""
    story.at("Mon 08:30").service(runs=False)
    story.at("Mon 09:00").opens("check_now").opens("check_now", about="B")
    story.at("Mon 10:00").ends()
    story.at("+15 days").goes_on("check_now", about="B").service(runs=True).expects(
        "key worker", "check now"
    ).after("5 min").accepts("key worker", about="B")
    ending = await story.until("+25 min")
    assert await ending.alerts() == ["B illness check_now accepted by key worker"]


# ---- No data ------------------------------------------------------------------


async def test_a_silence_that_lasts_asks_for_review_and_not_at_night(story: Story) -> None:
    """Complaints 2 and 20: "no data" is a change of its own; it waits for morning, and comes."""
    story.at("Mon 20:00").opens("usual", cause="device")
    story.at("Tue 02:00").rises("for_review", cause="device")
    story.at("Tue 09:00").expects("key worker", "for review").after("1 h").closes(
        "key worker", "already_known", cause="device"
    )
    await story.until("Thu 10:00")


async def test_a_device_that_is_taken_off_asks_nobody(story: Story) -> None:
    """Complaint 21: a shower is not a silence."""
    story.at("Mon 20:00").opens("usual", cause="device")
    story.at("Mon 21:00").ends(cause="device")
    ending = await story.until("Wed 10:00")
    assert await ending.alerts() == []


async def test_data_that_come_at_the_moment_of_the_silence_alert_take_it_back(
    story: Story,
) -> None:
    """Complaint 4: whichever of the two is looked at first, nobody has to do anything."""
    story.at("Mon 10:00").opens("for_review", cause="device").ends(cause="device")
    ending = await story.until("Mon 12:00")
    assert await ending.alerts() == []


async def test_a_silence_does_not_keep_a_change_quiet(story: Story) -> None:
    """Complaint 4: a device that is silent and a body that has changed are two things."""
    story.at("Mon 10:00").opens("for_review", cause="device").expects("key worker", "for review")
    story.at("Mon 10:05").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:10").accepts("key worker").closes("key worker", cause="device")
    await story.until("Mon 10:35")


async def test_every_silence_is_told_within_a_minute_of_its_time(story: Story) -> None:
    """Complaint 3: also for a device that is new, and also when many fall silent at once."""
    story.set(working_hours=None)
    for about in "ABCDEF":
        story.key_workers[about] = f"worker {about}"
        story.at("Mon 10:00").opens("for_review", about=about, cause="device").expects(
            f"worker {about}", "for review"
        )
    await story.until("Mon 12:00")


# ---- Why ----------------------------------------------------------------------


async def test_the_history_of_an_alert_tells_its_whole_story(story: Story) -> None:
    """Complaint 25: what happened, who was asked, why, and what came of it, in this order."""
    story.at("Fri 18:00").opens()
    story.at("Mon 09:00").expects("key worker")
    story.at("Mon 13:00").expects("duty").after("10 min").accepts("duty")
    story.at("Mon 14:00").closes("duty", "support_needed")
    ending = await story.until("Mon 15:00")
    assert [line for line in await ending.log() if "sent" not in line] == [
        "created:raised",
        "held:held_out_of_hours",
        "notification_queued:first_notification",
        "escalated:not_accepted_in_time",
        "notification_queued:not_accepted_in_time",
        "accepted:accepted",
        "closed:closed",
    ]
