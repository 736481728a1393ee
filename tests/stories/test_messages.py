"""Providers in trouble, and how much one person is asked to bear."""

from __future__ import annotations

import pytest

from alerts.sending.store import CLAIM_MOST
from tests.stories.service import Mode
from tests.stories.story import Story


@pytest.mark.parametrize("trouble", ["answers 500", "answers 429", "hangs"])
async def test_a_provider_in_trouble_is_tried_again_until_it_takes_the_message(
    story: Story, trouble: str
) -> None:
    """Complaint 12: a few minutes of trouble cost a few minutes, and no message."""
    story.at("Mon 10:00").channel(trouble).opens("check_now")
    story.at("Mon 10:02").channel("works").expects("key worker", "check now", within="4 min")
    story.at("Mon 10:08").accepts("key worker")
    await story.until("Mon 10:30")


@pytest.mark.parametrize(
    ("trouble", "until"),
    [("answers 500", "10:04:00"), ("answers 429", "10:04:00"), ("hangs", "10:05:30")],
)
async def test_a_provider_that_stays_in_trouble_does_not_hold_up_the_chain(
    story: Story, trouble: str, until: str
) -> None:
    """Complaint 12: after a few minutes of trying the next are asked, before the time is over."""
    story.at("Mon 10:00").channel(trouble).opens("check_now")
    story.at(f"Mon {until}").channel("works").expects("duty", "check now", within="4 min")
    story.at("Mon 10:11").accepts("duty")
    ending = await story.until("Mon 10:35")
    assert "no_notification_sent:attempts_used_up" in await ending.log()


async def test_a_provider_that_takes_a_message_and_drops_it_is_not_believed(story: Story) -> None:
    """Complaint 12: 200 is not a delivery; only a person who accepts is."""
    story.at("Mon 10:00").channel("drops").opens("check_now")
    story.at("Mon 10:14").channel("works")
    story.at("Mon 10:15").expects("duty", "check now").after("5 min").accepts("duty")
    await story.until("Mon 10:40")


async def test_an_address_that_does_not_exist_is_given_up_and_the_next_are_asked_at_once(
    story: Story,
) -> None:
    """Complaint 11: unreachable costs seconds, not the whole time of a step."""
    story.at("Mon 10:00").channel("answers 404").opens("check_now")
    story.at("Mon 10:00:30").channel("works")
    for who in ("key worker", "duty", "manager"):
        story.at("Mon 10:15").expects(who, "check now", within="2 min")
    story.at("Mon 10:18").accepts("manager")
    ending = await story.until("Mon 10:40")
    assert (await ending.log()).count("no_notification_sent:refused_by_channel") >= 3


async def test_one_broken_channel_does_not_keep_another_from_telling(story: Story) -> None:
    """Complaint 8: each channel has its own trouble."""
    story.with_channel("second")
    story.at("Mon 10:00").channel("hangs").opens("check_now")
    story.at("Mon 10:00").expects("key worker", "check now", channel="second")
    story.at("Mon 10:05").accepts("key worker")
    ending = await story.until("Mon 10:30")
    assert set(ending.arrived) == {"key worker: check now"}


async def test_a_message_that_was_waiting_is_taken_back_when_somebody_accepts(
    story: Story,
) -> None:
    """Complaint 10: paged after "I'm on it" is paged for nothing."""
    story.at("Mon 10:00").channel("answers 500").opens("check_now")
    story.at("Mon 10:03").accepts("key worker")
    story.at("Mon 10:04").channel("works")
    await story.until("Mon 10:30")


async def test_a_rise_while_the_provider_is_in_trouble_is_told_once(story: Story) -> None:
    """Complaint 12: what waits with the lower level does not come after it as a second page."""
    story.at("Mon 10:00").channel("answers 500").opens()
    story.at("Mon 10:01").rises("check_now")
    story.at("Mon 10:02").channel("works").expects("key worker", "check now", within="4 min")
    story.at("Mon 10:07").accepts("key worker")
    await story.until("Mon 10:35")


# ---- How much -----------------------------------------------------------------


async def test_what_is_more_than_a_budget_leaves_as_one_message(story: Story) -> None:
    """Three messages in a quarter of an hour; the other four people come as one."""
    story.at("Mon 10:00")
    for about in "ABC":
        story.at("Mon 10:00").opens(about=about).expects("key worker")
    for about in "DEFG":
        story.at("Mon 10:01").opens(about=about)
    story.at("Mon 10:15").expects("key worker", "4 people")
    for about in "ABCDEFG":
        story.at("Mon 10:30").closes("key worker", about=about)
    await story.until("Tue 10:00")


async def test_what_somebody_accepts_before_the_bundle_leaves_is_not_in_it(story: Story) -> None:
    for about in "ABC":
        story.at("Mon 10:00").opens(about=about).expects("key worker")
    for about in "DEF":
        story.at("Mon 10:01").opens(about=about)
    story.at("Mon 10:05").closes("key worker", about="D")
    story.at("Mon 10:15").expects("key worker", "2 people")
    for about in "ABCEF":
        story.at("Mon 10:30").closes("key worker", about=about)
    await story.until("Tue 10:00")


def a_bundle_waits(story: Story, waiting: str) -> None:
    """Let a worker who has one channel only be told of A to C, and of `waiting` in one message."""
    story.with_channel("second")
    story.has("night worker", channels=("second",))
    story.key_workers = dict.fromkeys("ABCDEF", "night worker")
    for about in "ABC":
        story.at("Mon 10:00").opens(about=about).expects("night worker", channel="second")
    for about in waiting:
        story.at("Mon 10:01").opens(about=about)
    for about in "ABC":
        story.at("Mon 10:10").closes("night worker", about=about)


async def test_a_bundle_that_is_refused_is_given_up_for_all_and_others_are_asked_at_once(
    story: Story,
) -> None:
    """Complaint 8: the four of a bundle do not wait for four refusals one after the other."""
    a_bundle_waits(story, "DE")
    story.at("Mon 10:14").channel("answers 404", name="second")
    for _ in "DE":
        story.at("Mon 10:15").expects("duty", channel="webhook")
    story.at("Mon 10:20").closes("duty", about="D").closes("duty", about="E")
    ending = await story.until("Mon 14:30")
    log = await ending.log()
    assert log.count("escalated:nobody_reached") == 2
    assert "attempts_used_up" not in "".join(log)


async def test_a_bundle_is_tried_as_often_as_one_message_and_then_others_are_asked_for_all(
    story: Story,
) -> None:
    a_bundle_waits(story, "DEF")
    story.at("Mon 10:14").channel("answers 500", name="second")
    for _ in "DEF":
        story.at("Mon 10:15").expects("duty", channel="webhook", within="5 min")
    for about in "DEF":
        story.at("Mon 10:25").closes("duty", about=about)
    ending = await story.until("Mon 14:30")
    assert (await ending.log()).count("escalated:nobody_reached") == 3


async def test_check_now_never_waits_for_a_budget(story: Story) -> None:
    for about in "ABC":
        story.at("Mon 10:00").opens(about=about).expects("key worker")
    for about in "DEFG":
        story.at("Mon 10:01").opens("check_now", about=about).expects("key worker", "check now")
    for about in "ABCDEFG":
        story.at("Mon 10:10").closes("key worker", about=about)
    await story.until("Tue 10:00")


async def test_what_rises_while_it_waits_in_a_bundle_leaves_at_once_and_not_again(
    story: Story,
) -> None:
    """A bundle never holds back what has become check now, and does not repeat it."""
    for about in "ABC":
        story.at("Mon 10:00").opens(about=about).expects("key worker")
    for about in "DEF":
        story.at("Mon 10:01").opens(about=about)
    story.at("Mon 10:05").rises("check_now", about="D").expects("key worker", "check now")
    story.at("Mon 10:15").expects("key worker", "2 people")
    for about in "ABCDEF":
        story.at("Mon 10:18").closes("key worker", about=about)
    await story.until("Tue 10:00")


async def test_each_address_has_the_budget_of_its_owner(story: Story) -> None:
    """Somebody with two addresses hears of each alert on both, and is bundled on both."""
    story.with_channel("second")
    for about in "ABC":
        for channel in ("webhook", "second"):
            story.at("Mon 10:00").expects("key worker", channel=channel)
        story.at("Mon 10:00").opens(about=about)
    for about in "DE":
        story.at("Mon 10:01").opens(about=about)
    for channel in ("webhook", "second"):
        story.at("Mon 10:15").expects("key worker", "2 people", channel=channel)
    for about in "ABCDE":
        story.at("Mon 10:30").closes("key worker", about=about)
    await story.until("Tue 10:00")


async def test_the_budget_of_one_worker_is_not_used_up_by_another(story: Story) -> None:
    for about in "ABCDEF":
        story.key_workers[about] = f"worker {'one' if about in 'ABC' else 'two'}"
        story.at("Mon 10:00").opens(about=about).expects(story.key_workers[about] or "")
    for about in "ABCDEF":
        story.at("Mon 10:30").closes(story.key_workers[about] or "", about=about)
    await story.until("Tue 10:00")


async def test_the_first_alert_about_a_person_goes_before_further_ones_about_others(
    story: Story,
) -> None:
    """More wait than are sent at once; the one about somebody new is among the first."""
    story.set(working_hours=None)
    known = [f"known {number}" for number in range(CLAIM_MOST + 1)]
    for about in known:
        story.key_workers[about] = f"worker of {about}"
        story.at("Mon 09:00").opens(about=about).expects(f"worker of {about}")
    for about in known:
        story.at("Mon 09:05").closes(f"worker of {about}", about=about)
    story.at("Mon 10:00").service(runs=False)
    for about in known:
        story.at("Mon 10:01").opens(about=about, cause="sleep")
    story.key_workers["new"] = "worker of new"
    story.at("Mon 10:02").opens(about="new")
    story.at("Mon 10:10").service(runs=True)
    for about in (*known, "new"):
        story.at("Mon 10:10").expects(f"worker of {about}")
    ending = await story.until("Mon 11:00")
    later = ending.arrived[len(known) :] if story.mode is Mode.IN_ORDER else ending.arrived
    assert "worker of new: check today" in later[: CLAIM_MOST + len(later) - len(known) - 1]
