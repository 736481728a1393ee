"""A story that is not true fails, and says what happened: without that no story proves anything."""

from __future__ import annotations

import pytest

from tests.stories.story import Story


async def failure_of(story: Story, until: str) -> str:
    """Live through a story that must fail, and return what it printed."""
    with pytest.raises(pytest.fail.Exception) as caught:
        await story.until(until)
    return str(caught.value)


async def test_a_message_that_nobody_expected_fails_the_story(story: Story) -> None:
    story.at("Mon 10:00").opens()
    printed = await failure_of(story, "Mon 11:00")
    assert "UNEXPECTED  key worker: check today at Mon 23 Nov 10:0" in printed
    assert "created: raised" in printed


async def test_a_message_that_does_not_come_fails_the_story(story: Story) -> None:
    story.at("Mon 10:00").opens().expects("key worker").expects("duty")
    printed = await failure_of(story, "Mon 11:00")
    assert "MISSING     duty: check today between Mon 23 Nov 10:00:00" in printed
    assert "UNEXPECTED" not in printed


async def test_a_message_of_another_level_or_at_another_time_is_both(story: Story) -> None:
    story.at("Mon 10:00").opens().expects("key worker", "check now")
    story.at("Mon 12:00").expects("key worker")
    printed = await failure_of(story, "Mon 13:00")
    assert printed.count("MISSING") == 2
    assert printed.count("UNEXPECTED") == 1


async def test_what_the_auditor_finds_fails_the_story(story: Story) -> None:
    story.at("Mon 10:00").opens().expects("key worker").after("5 min").does(
        "somebody breaks the alert", "UPDATE alert SET wake_at = NULL"
    ).opens("for_review", about="B").expects("key worker", "for review")
    assert "auditor: ['1 found, 1 repaired']" in await failure_of(story, "Mon 11:00")
