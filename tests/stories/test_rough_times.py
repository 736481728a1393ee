"""The process stops, its clock is wrong, a row cannot be read: what then."""

from __future__ import annotations

from tests.stories.service import Mode
from tests.stories.story import Story


async def test_an_answer_given_while_the_service_was_down_counts_when_it_is_up(
    story: Story,
) -> None:
    """Complaint 7: nothing is kept in memory that a restart could lose."""
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:05").service(runs=False)
    story.at("Mon 10:06").accepts("key worker")
    story.at("Mon 10:20").service(runs=True)
    ending = await story.until("Mon 10:35")
    assert await ending.alerts() == ["A illness check_now accepted by key worker"]


async def test_what_was_put_off_is_still_put_off_after_a_restart(story: Story) -> None:
    """Complaint 7: and its end is kept although the service was down when it came."""
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").snoozes(
        "key worker", until="Mon 12:00"
    )
    story.at("Mon 11:00").service(runs=False)
    story.at("Mon 12:30").service(runs=True).expects("key worker").after("5 min").closes(
        "key worker"
    )
    await story.until("Mon 16:00")


async def test_a_deadline_that_passed_while_the_service_was_down_is_kept_at_its_start(
    story: Story,
) -> None:
    """Complaint 3: late by the outage, never lost, and one step for it, not three."""
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:05").service(runs=False)
    story.at("Mon 11:05").service(runs=True).expects("duty", "check now")
    story.at("Mon 11:10").accepts("duty")
    await story.until("Mon 11:30")


async def test_an_event_that_cannot_be_read_does_not_hold_up_the_next(story: Story) -> None:
    """Complaint 22: one bad row is set aside, comes back each minute, and blocks nothing."""
    story.at("Mon 10:00").opens("nonsense", cause="drift").opens().expects("key worker")
    story.at("Mon 10:02").does(
        "somebody mends the row",
        "UPDATE episode_event SET level = 'for_review' WHERE level = 'nonsense'",
    ).expects("key worker", "for review", within="2 min")
    story.at("Mon 10:10").closes("key worker").closes("key worker", cause="drift")
    await story.until("Mon 12:00")


async def test_a_clock_an_hour_ahead_makes_the_chain_late_and_loses_nothing(story: Story) -> None:
    """Complaint 23: raised by a clock that was ahead, the next step is late by as much."""
    story.set(working_hours=None)
    # A message that was claimed by that clock and not marked is found by the auditor.
    story.violations_expected = 1 if story.mode is Mode.RESTARTED else 0
    story.at("Mon 09:59").clock("1 h")
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:01").clock("0 s")
    story.at("Mon 11:15").expects("duty", "check now").after("5 min").accepts("duty")
    await story.until("Mon 11:40")


async def test_a_clock_days_ahead_takes_nothing_for_old(story: Story) -> None:
    """Complaints 16 and 23: what ingest noticed a moment ago is news, whatever our clock says."""
    story.set(working_hours=None)
    story.at("Mon 09:59").clock("72 h")
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:05").closes("key worker")
    ending = await story.until("Mon 11:00")
    assert await ending.intake() == ["raised"]


async def test_a_clock_an_hour_behind_delays_nothing_that_was_raised_by_it(story: Story) -> None:
    """Complaint 23: put right, the clock finds the deadline over and asks the next at once."""
    story.set(working_hours=None)
    story.at("Mon 09:59").clock("-1 h")
    story.at("Mon 10:00").opens("check_now").expects("key worker", "check now")
    story.at("Mon 10:05").clock("0 s").expects("duty", "check now").after("5 min").accepts("duty")
    await story.until("Mon 10:39")


async def test_a_message_put_off_by_a_clock_that_was_ahead_leaves_when_it_is_right(
    story: Story,
) -> None:
    """Complaint 23: the auditor finds it within a minute, says so, and lets it go."""
    story.set(working_hours=None)
    story.violations_expected = 1
    story.at("Mon 09:59").clock("24 h").channel("answers 500")
    story.at("Mon 10:00").opens()
    story.at("Mon 10:01").clock("0 s").channel("works").expects("key worker", within="5 min")
    story.at("Mon 10:10").accepts("key worker")
    await story.until("Mon 12:00")
