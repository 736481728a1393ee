"""A young person asks, somebody is worried: no score holds it back, and the chain is the same."""

from __future__ import annotations

from tests.stories.story import Story


async def test_a_young_person_asks_and_their_key_worker_hears_of_it_at_once(story: Story) -> None:
    story.at("Mon 10:00").asks().expects("key worker")
    story.at("Mon 14:00").expects("duty").after("5 min").accepts("duty", cause="check_in_asked")
    story.at("Mon 15:00").closes("duty", "support_needed", cause="check_in_asked")
    ending = await story.until("Tue 12:00")
    assert await ending.alerts() == ["A check_in_asked check_today closed"]
    assert await ending.town.rows("SELECT FROM outcome_for_detector") == []


async def test_what_a_young_person_asks_in_the_evening_is_told_in_the_morning(
    story: Story,
) -> None:
    story.at("Mon 19:00").asks()
    story.at("Tue 09:00").expects("key worker").after("5 min").closes(
        "key worker", cause="check_in_asked"
    )
    await story.until("Wed 12:00")


async def test_a_change_that_is_held_back_does_not_hold_back_who_asks(story: Story) -> None:
    """Somebody closed "all fine" an hour ago; that is about numbers and not about being heard."""
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").closes("key worker")
    story.at("Mon 11:00").ends().asks().expects("key worker")
    story.at("Mon 11:05").closes("key worker", cause="check_in_asked")
    await story.until("Tue 12:00")


async def test_a_worry_at_night_that_cannot_wait_goes_to_the_duty_line(story: Story) -> None:
    story.at("Tue 23:00").worries("key worker", "check_now").expects("duty", "check now")
    story.at("Tue 23:05").accepts("duty", cause="worry")
    story.at("Tue 23:20").closes("duty", "support_needed", cause="worry")
    await story.until("Wed 12:00")


async def test_a_worry_that_grows_at_once_is_told_once(story: Story) -> None:
    story.at("Mon 10:00").worries("manager").worries("manager", "check_now")
    story.at("Mon 10:00").expects("key worker", "check now")
    story.at("Mon 10:05").accepts("key worker", cause="worry")
    await story.until("Mon 10:30")
