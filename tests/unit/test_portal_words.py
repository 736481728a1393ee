"""The words of the pages: numbers, days, explanations, weeks, pauses, states."""

from __future__ import annotations

import doctest
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import portal.charts
import portal.pauses
import portal.security
import portal.words
from portal.alert_words import Outcome, event_words, outcome_words
from portal.daily import DayRow, one_trend
from portal.data_state import DataFacts, DataState, data_state, data_state_words
from portal.explanation import NO_SENTENCE, read_explanation
from portal.help_lines import load_help_lines
from portal.my_week import MOST_CHANGES, MyDayKind, change_words, my_week
from portal.passwords import hash_password
from portal.pauses import PauseFor, pause_until
from portal.rendering import make_templates
from portal.security import Refusal, cross_site_refusal, safe_next
from portal.sign_in_delay import DELAY_MAX_S, FORGET_AFTER_S, REMEMBERED_MAX, SignInDelay
from portal.words import age_words, minutes_words, moment_words
from tidewell.clock import now_utc
from tidewell.vocabulary import FEATURES, Feature

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
USUAL = {"night_heart_rate": [56.0, 54.0, 58.0], "steps": [7800.0, 5200.0, 10400.0]}


@pytest.mark.parametrize(
    "module",
    [portal.words, portal.charts, portal.pauses, portal.security],
    ids=lambda m: m.__name__,
)
def test_the_examples_in_the_modules_hold(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type] # a module, seen as object
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(seconds=-30), "just now"),
    ],
)
def test_ages_use_the_largest_unit_that_fits(ago: timedelta, words: str) -> None:
    assert age_words(NOW - ago, NOW) == words


def test_moments_are_said_on_the_clock_of_the_person() -> None:
    summer = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert moment_words(summer, "Europe/London", summer) == "today at 00:30"
    assert moment_words(summer, "no such zone", summer) == "today at 23:30"


@given(st.integers(0, 20_000))
def test_minutes_can_be_read_back(minutes: int) -> None:
    words = minutes_words(minutes).split()
    counts = dict(zip((name.rstrip("s") for name in words[1::2]), words[::2], strict=True))
    read = int(counts.get("hour", "0").replace(",", "")) * 60 + int(counts.get("minute", "0"))
    assert read == minutes


def facts(**changes: object) -> DataFacts:
    known: dict[str, object] = {
        "name": "Sam",
        "timezone": "Europe/London",
        "paused_from": None,
        "paused_until": None,
        "heard_at": NOW - timedelta(minutes=5),
        "last_day": NOW.date() - timedelta(days=1),
        "last_worn_minutes": 1300.0,
        "usual_is_known": True,
    }
    return DataFacts(**{**known, **changes})  # type: ignore[arg-type] # the fields are those of the test


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({"paused_from": NOW}, DataState.PAUSED, "Paused by Sam, until they say."),
        ({"heard_at": None}, DataState.NEVER, "No data yet: the device has not sent anything."),
        (
            {"heard_at": NOW - timedelta(hours=5)},
            DataState.SILENT,
            "No data since today at 09:02.",
        ),
        ({"last_day": None}, DataState.LEARNING, "Still learning what is usual for Sam."),
        (
            {"last_day": date(2026, 11, 1)},
            DataState.NO_RECENT_DAY,
            "The last day that we have is Sunday 1 November.",
        ),
        (
            {"last_worn_minutes": 35.0},
            DataState.HARDLY_WORN,
            "Hardly worn on Saturday 21 November: 35 minutes.",
        ),
        (
            {"open_families": ("sleep",)},
            DataState.CHANGED,
            "Something has changed: sleep.",
        ),
        ({}, DataState.NO_CHANGE_NOTICED, "No change noticed up to Saturday 21 November."),
    ],
)
def test_silence_is_told_apart_and_never_shown_as_wellness(
    changes: dict[str, object], state: DataState, words: str
) -> None:
    known = facts(**changes)
    found = data_state(known, NOW, timedelta(hours=4))
    assert (found, data_state_words(known, found, NOW)) == (state, words)


def test_a_pause_ends_tomorrow_in_words() -> None:
    known = facts(paused_from=NOW, paused_until=datetime(2026, 11, 23, 7, tzinfo=UTC))
    words = data_state_words(known, DataState.PAUSED, NOW)
    assert words == "Paused by Sam, until tomorrow at 07:00."


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda d: d.replace(tzinfo=UTC)),  # noqa: DTZ001 -- Hypothesis wants naive bounds
    st.sampled_from(["Europe/London", "UTC", "Pacific/Auckland", "America/St_Johns"]),
)
def test_tonight_ends_at_the_next_seven_in_the_morning(now: datetime, zone: str) -> None:
    until = pause_until(PauseFor.TONIGHT, now, zone)
    assert until is not None
    assert timedelta(0) < until - now <= timedelta(hours=25)
    assert until.astimezone(ZoneInfo(zone)).strftime("%H:%M") == "07:00"


def day_row(day: date, heart_rate: float | None, steps: float | None, worn: float = 1300) -> DayRow:
    return DayRow(day, worn, USUAL, {"night_heart_rate": heart_rate, "steps": steps})


def test_a_week_says_good_things_first_and_never_blames() -> None:
    last = date(2026, 11, 21)
    rows = [day_row(last - timedelta(days=ago), 56, 8000) for ago in range(2, 7)]
    rows += [day_row(last, 63, 2000), day_row(last - timedelta(days=1), 56, 8000, worn=10)]
    week = my_week(rows, last, "12-15", "Jo")
    assert week.good == ("Sunday, Monday, Tuesday, Wednesday and Thursday were like your usual.",)
    assert week.different[0] == "On Saturday, your heart beat faster at night than your usual."
    assert week.different[1] == "On Saturday, you moved less than your usual."
    assert "Jo may ask how you are" in week.different[2]
    assert [day.kind for day in week.days[-2:]] == [
        MyDayKind.NOT_ENOUGH_DATA,
        MyDayKind.DIFFERENT,
    ]


def test_a_week_of_which_a_change_is_told_already_does_not_say_it_twice() -> None:
    last = date(2026, 11, 21)
    rows = [day_row(last, 63, 2000)]
    told = my_week(rows, last, "12-15", None, is_noticed=True).different
    assert "Your worker may ask how you are." in told
    assert "Lots of things" not in " ".join(told)


def test_a_week_without_data_makes_nothing_up() -> None:
    week = my_week([], date(2026, 11, 21), "8-11", None)
    assert week.good == ()
    assert week.different == ("We do not know much about 7 days. That is okay.",)


def usual_of_all() -> dict[str, list[float]]:
    return {feature.name: [10.0, 9.0, 11.0] for feature in FEATURES}


def one_day(measured: dict[str, float], usual: dict[str, list[float]]) -> tuple[MyDayKind, str]:
    last = date(2026, 11, 21)
    week = my_week([DayRow(last, 1300, usual, measured)], last, "12-15", "Jo")
    return week.days[-1].kind, " ".join(week.different)


def test_a_day_just_outside_in_some_of_many_measures_is_like_usual() -> None:
    nearly = {feature.name: 11.9 for feature in FEATURES}
    assert one_day(nearly, usual_of_all())[0] is MyDayKind.LIKE_USUAL


@pytest.mark.parametrize(("value", "side"), [(12.1, 1), (7.9, 0)])
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_day_that_is_clearly_different_says_how(
    feature: Feature, value: float, side: int
) -> None:
    kind, text = one_day({feature.name: value}, usual_of_all())
    assert kind is MyDayKind.DIFFERENT
    change = change_words(feature.name, "12-15", is_more=bool(side))
    assert text.startswith(f"On Saturday, {change}. ")


def test_a_measure_that_goes_round_midnight_is_near_on_both_sides() -> None:
    usual = {"circadian_phase_h": [23.8, 23.3, 24.3]}
    assert one_day({"circadian_phase_h": 0.1}, usual)[0] is MyDayKind.LIKE_USUAL
    assert "later in the day" in one_day({"circadian_phase_h": 1.5}, usual)[1]


def test_a_week_with_many_changes_names_the_most_frequent_and_says_so() -> None:
    last = date(2026, 11, 21)
    far = {feature.name: 20.0 for feature in FEATURES}
    often = {"steps": 2.0}
    rows = [DayRow(last, 1300, usual_of_all(), far)]
    rows += [DayRow(last - timedelta(days=ago), 1300, usual_of_all(), often) for ago in range(1, 4)]
    different = my_week(rows, last, "12-15", None).different
    assert different[0] == "On Wednesday, Thursday and Friday, you moved less than your usual."
    assert different[MOST_CHANGES] == "A few other things were a bit different too."
    assert len(different) == MOST_CHANGES + 3


def test_a_trend_says_what_its_chart_shows() -> None:
    last = date(2026, 11, 21)
    rows = [day_row(last, 63, None), day_row(last - timedelta(days=2), 56, 8000)]
    trend = one_trend("night_heart_rate", rows, last - timedelta(days=3), last, {last}, "Sam")
    assert trend is not None
    assert trend.sentence == (
        "63 bpm on Saturday 21 November (usual for Sam: 54 to 58). "
        "Outside what is usual on 1 of 2 days. No value on 2 days."
    )
    assert [(line.value, line.changed) for line in trend.table] == [
        ("63", True),
        ("no value", False),
        ("56", False),
        ("no value", False),
    ]
    assert one_trend("unheard_of", rows, last, last, set(), "Sam") is None


json_value = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(
    st.one_of(
        json_value,
        st.fixed_dictionaries(
            {},
            optional={
                "sentence": json_value,
                "contributions": json_value,
                "worn_minutes": json_value,
                "missing": json_value,
                "since": json_value,
                "young_person": json_value,
                "certainty": json_value,
                "agreement": json_value,
                "coverage": json_value,
                "remarks": json_value,
                "limit": json_value,
                "version": json_value,
            },
        ),
    )
)
def test_an_explanation_that_cannot_be_read_still_gives_a_page(raw: object) -> None:
    explanation = read_explanation(raw)
    assert isinstance(explanation.sentence, str)
    assert isinstance(explanation.certainty_said(), str)
    assert isinstance(explanation.support_said(), str)
    assert isinstance(explanation.missing_said(), str)
    assert isinstance(explanation.young_person, str)
    for contribution in explanation.contributions:
        contribution.value_said()
        contribution.usual_said()


def test_an_explanation_with_a_broken_part_keeps_its_sentence() -> None:
    assert (
        read_explanation({"sentence": "Steps fell.", "contributions": 3}).sentence == "Steps fell."
    )
    assert read_explanation(None).sentence == NO_SENTENCE


def test_what_the_alerts_process_may_write_has_words() -> None:
    assert event_words("accepted", "accepted", "Jo") == "Jo is on it"
    assert event_words("action_refused", "already_closed", "Jo").startswith("Jo tried")
    assert event_words("something_later", "x", None) == "Something later"
    assert outcome_words("later_outcome") == "Later outcome"
    assert {outcome_words(outcome) for outcome in Outcome} == {
        "Checked in, support needed",
        "Checked in, all fine",
        "Already known",
        "Data was wrong",
        "Could not reach",
    }


def test_the_help_lines_are_reviewed_in_time() -> None:
    lines = load_help_lines()
    assert lines.reviewed < lines.review_by
    assert now_utc().date() <= lines.review_by, "compare every number and move the dates on"
    contacts = " ".join(line.contact for line in lines.line)
    for number in ("999", "111", "0800 1111", "85258"):
        assert number in contacts


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, None),
        ({"Sec-Fetch-Site": "none"}, Refusal.OTHER_SITE),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://ours"}, Refusal.OTHER_SITE),
        ({"Origin": "http://ours"}, None),
        ({"Origin": "https://tidewell.example"}, None),
        ({"Origin": "http://ours.elsewhere"}, Refusal.OTHER_SITE),
        ({}, Refusal.OTHER_SITE),
    ],
)
def test_only_our_own_pages_change_anything(
    headers: dict[str, str], refusal: Refusal | None
) -> None:
    found = cross_site_refusal("POST", headers, "ours", "https://tidewell.example/")
    assert found == refusal
    assert cross_site_refusal("GET", headers, "ours", None) is None


@given(st.text(max_size=40))
def test_signing_in_never_leads_to_another_site(path: str) -> None:
    target = safe_next(path)
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))
    assert "\n" not in target


def test_the_delay_grows_to_a_limit_and_is_forgotten() -> None:
    delay = SignInDelay()
    waits = []
    for _ in range(12):
        delay.failed(("jo", "here"), 100.0)
        waits.append(delay.wait_s(("jo", "here"), 100.0))
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, DELAY_MAX_S, DELAY_MAX_S, DELAY_MAX_S]
    assert delay.wait_s(("jo", "elsewhere"), 100.0) == 0
    assert delay.wait_s(("jo", "here"), 100.0 + FORGET_AFTER_S + 1) == 0
    delay.succeeded(("jo", "here"))
    assert delay.wait_s(("jo", "here"), 100.0) == 0


def test_the_delay_remembers_a_bounded_number() -> None:
    delay = SignInDelay()
    for number in range(REMEMBERED_MAX + 5):
        delay.failed((f"name{number}", "here"), 1.0)
    assert len(delay._failures) == REMEMBERED_MAX


def test_a_password_is_hashed_with_its_own_salt() -> None:
    assert hash_password("same") != hash_password("same")


def test_every_template_can_be_read() -> None:
    environment = make_templates()
    names = [name for name in environment.list_templates() if not name.startswith("nhsuk/")]
    assert len(names) >= 14
    for name in names:
        environment.get_template(name)
