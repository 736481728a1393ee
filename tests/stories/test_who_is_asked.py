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
    story.at("Tue 02:10:30").accepts("duty")
    ending = await story.until("Tue 02:39")
    assert await ending.alerts() == ["A illness check_now accepted by duty"]
