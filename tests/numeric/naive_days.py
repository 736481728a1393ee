"""The slow twin of days, scores and episodes: one person, one measure, one date at a time.

Written from the docstrings of `detect` in the most obvious way, with everything that ever was kept
by its date: no rings, no slots, no arrays, and no line of `detect`. Remembered values go through
sixteen bits, because the docstrings say that they do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median

from tests.numeric.naive_arithmetic import (
    Values,
    back,
    beside,
    clip,
    combined,
    daily_sums,
    half,
    is_weekend,
    level_of,
    scaled,
    weekend_part,
    worse,
)
from tests.numeric.naive_tables import BODY, FAMILIES, REVIEW, RULES, SMOOTHING

DAILY = ("illness", "sleep", "withdrawal", "acute_load")
ASKED_FIRST = ("illness", "withdrawal", "sleep", "acute_load", "drift")
NIGHT = ("night_", "sleep_", "resting_heart_rate")


@dataclass(frozen=True)
class Turned:
    """A change of an episode on a day."""

    day: int
    family: str
    kind: str
    level: int
    opened_day: int
    score: float


@dataclass(frozen=True)
class NaiveDay:
    """What a day was found to be."""

    day: int
    scores: Values
    score: float | None
    family: str | None
    level: int
    usual: dict[str, tuple[float, float, float]]


@dataclass
class Smoothed:
    """Smoothed sums by name, and the smoothed z of each measure."""

    sums: Values = field(default_factory=lambda: dict.fromkeys(SMOOTHING, 0.0))
    measures: Values = field(default_factory=lambda: dict.fromkeys(RULES, 0.0))

    def fade(self, days: int) -> None:
        self.sums = {name: value * 0.9**days for name, value in self.sums.items()}
        self.measures = {name: value * 0.9**days for name, value in self.measures.items()}

    def copy(self) -> Smoothed:
        return Smoothed(dict(self.sums), dict(self.measures))

    def move(self, z: Values, proved: bool) -> tuple[Values, Values]:
        """Take a day in; return the raw score of each daily family, and the sums of today alone."""
        today = daily_sums(z, proved)
        for name, share in SMOOTHING.items():
            old = self.sums[name]
            self.sums[name] = (
                (1 - share) * old + share * today[name] if name in today else 0.9 * old
            )
        for name in RULES:
            old, most = self.measures[name], RULES[name].most
            if name in z:
                self.measures[name] = 0.7 * old + 0.3 * clip(z[name], -most, most)
            else:
                self.measures[name] = 0.9 * old
        raw: Values = {name: self.sums[name] for name in ("acute_load",) if name in today}
        if "withdrawal" in today:
            alone = [0.9 * self.sums["steps"]] if "steps" in today else []
            raw["withdrawal"] = max([self.sums["withdrawal"], *alone])
        bodily = [self.sums["illness"]] if "illness" in today else []
        bodily += [0.9 * self.sums["body"]] if "body" in today else []
        bodily += [0.9 * self.sums["pair"]] if "pair" in today else []
        if bodily:
            raw["illness"] = max(bodily)
        about_sleep = {name: worse(name, self.measures[name], RULES[name].most) for name in z}
        shifted = {name: min(abs(self.measures[name]), RULES[name].most) for name in z}
        sides = [combined(shifted, "timing"), combined(about_sleep, "length")]
        found = [0.85 * side for side in sides if side is not None]
        found += [whole for whole in [combined(about_sleep, "sleep")] if whole is not None]
        if found:
            raw["sleep"] = max(found)
        return raw, today


@dataclass
class Episode:
    opened_day: int
    level: int
    low_days: int = 0


@dataclass
class NaiveLife:
    """Everything that is known of one person."""

    compared: dict[int, Values] = field(default_factory=dict)
    set_aside: set[int] = field(default_factory=set)
    weeks: dict[int, Values] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    last: int | None = None
    smoothed: Smoothed = field(default_factory=Smoothed)
    smoothed_before: Smoothed = field(default_factory=Smoothed)
    told: float = 0.0
    notes: list[tuple[str, int, int]] = field(default_factory=list)
    offset: Values = field(default_factory=lambda: dict.fromkeys(FAMILIES, 0.0))
    episodes: dict[str, Episode] = field(default_factory=dict)
    rest_until: int = -1
    quiet: tuple[int, int] | None = None
    frozen: tuple[int, Values, Values] | None = None
    held: Smoothed = field(default_factory=Smoothed)
    learned_again: bool = False
    lived: Values = field(default_factory=dict)
    clocked: Values = field(default_factory=dict)

    def note(self, kind: str, first: int, last: int) -> None:
        if (kind, first, last) in self.notes:
            return
        if len(self.notes) < 8 or self._make_room(last):
            self.notes.append((kind, first, last))
        if self.last is None or kind in {"exams", "other"}:
            return
        for day in range(max(first, self.last - 31), min(last, self.last) + 1):
            self.set_aside.add(day)
            if kind == "someone_else":
                self.compared.pop(day, None)

    def _make_room(self, new_last: int) -> bool:
        """Drop the note that ended first; one that still goes on, only if it holds nothing."""
        by_end = sorted(self.notes, key=lambda note: note[2])
        if self.last is None or new_last <= self.last:
            old = [note for note in by_end if note[2] <= new_last]
        else:
            last = self.last
            old = [note for note in by_end if note[2] <= last]
            old = old or [note for note in by_end if note[0] in {"exams", "other"}]
            assert old, "eight notes that hold something go on at once"
        if old:
            self.notes.remove(old[0])
        return bool(old)

    def unnote(self, kind: str, first: int, last: int) -> None:
        if (kind, first, last) in self.notes:
            self.notes.remove((kind, first, last))
        if self.last is None or kind in {"exams", "other"}:
            return
        for day in range(max(first, self.last - 31), min(last, self.last) + 1):
            if not self._noted(day, {"ill", "holiday", "someone_else"}):
                self.set_aside.discard(day)

    def hear(self, family: str, was_useful: bool) -> None:
        moved = self.offset[family] + (-0.05 if was_useful else 0.05)
        self.offset[family] = clip(moved, -0.3, 0.3)

    def change_device(self) -> None:
        for name in [name for name, rule in RULES.items() if rule.device]:
            for kept in (*self.compared.values(), *self.weeks.values()):
                kept.pop(name, None)
            self.smoothed.measures[name] = 0.0
            if self.frozen is not None:
                self.frozen[1].pop(name, None)

    def close(
        self, day: int, features: Values, worn: int, *, passed: bool = False
    ) -> tuple[NaiveDay, list[Turned]]:
        """Judge a day for the first time; one that was passed over changes no episode."""
        missing = 0 if self.last is None else day - self.last - 1
        self.smoothed.fade(missing)
        self.held.fade(missing)
        self.told *= math.exp(-missing / 30)
        self._keep_week(day)
        self.last = day
        if self._noted(day, {"someone_else"}):
            features = {}
        explained = self._noted(day, {"ill", "holiday"})
        self._notice_travel(day, features)
        self._write(day, features)
        self.smoothed_before = self.smoothed.copy()
        self.told = max(self.told * math.exp(-1 / 30), self.scores.get(day - 7, 0.0) - 0.6)
        found, held = self._score(day, features, worn, keep=True)
        turned = [] if passed else self._turn(found, held, explained)
        if not passed:
            self._freeze(day)
        if explained:
            self.set_aside.add(day)
        return found, turned

    def close_again(self, features: Values, worn: int) -> NaiveDay:
        """Judge the last day again; its night stands as it was known."""
        assert self.last is not None
        day = self.last
        kept = {n: v for n, v in self.compared.get(day, {}).items() if n.startswith(NIGHT)}
        features = features | {name: back(name, value) for name, value in kept.items()}
        if self._noted(day, {"someone_else"}):
            features = {}
        self.smoothed = self.smoothed_before.copy()
        self._write(day, features)
        return self._score(day, features, worn, keep=False)[0]

    def _noted(self, day: int, kinds: set[str]) -> bool:
        return any(kind in kinds and first <= day <= last for kind, first, last in self.notes)

    def _write(self, day: int, features: Values) -> None:
        self.lived = features
        if "circadian_phase_h" in features:
            phase = self._on_own_clock(day, features["circadian_phase_h"])
            features = features | {"circadian_phase_h": phase}
        self.clocked = features
        self.compared[day] = {n: half(scaled(n, value)) for n, value in features.items()}

    def _notice_travel(self, day: int, features: Values) -> None:
        yesterday = self.compared.get(day - 1, {}).get("circadian_phase_h")
        today = features.get("circadian_phase_h")
        if yesterday is not None and today is not None:
            apart = abs(today - yesterday) % 24
            if min(apart, 24 - apart) > 3:
                self._keep_quiet(day)

    def _keep_quiet(self, day: int) -> None:
        """Three days, a week where jumps go on, and a week without between two such times."""
        if self.quiet is None or day > self.quiet[1] + 7:
            self.quiet = day, day + 3
        elif day <= self.quiet[1]:
            self.quiet = self.quiet[0], min(day + 3, self.quiet[0] + 6)

    def _on_own_clock(self, day: int, phase: float) -> float:
        """Return an hour as near as it comes to this person's centre: 24.3 beside 23.8, not 0.3."""
        name = "circadian_phase_h"
        known = self._values(name, list(range(day - 31, day)))
        weeks = [w[name] for w in self._weeks_from(day // 7 - 12) if name in w]
        if not known and not weeks:
            return phase
        centre = median(known or weeks)
        return min((phase + 24 * turns for turns in range(-9, 10)), key=lambda h: abs(h - centre))

    def _weeks_from(self, first: int) -> list[Values]:
        return [values for week, values in self.weeks.items() if week >= first]

    def _keep_week(self, day: int) -> None:
        """Keep the medians of the week that the last day was in, once a later one has begun."""
        if self.last is None or day // 7 == self.last // 7:
            return
        week = self.last // 7
        days = [d for d in range(7 * week, 7 * week + 7) if d not in self.set_aside]
        by_name = {name: self._values(name, days) for name in RULES}
        self.weeks[week] = {n: half(median(vs)) for n, vs in by_name.items() if len(vs) >= 3}

    def _values(self, name: str, days: list[int]) -> list[float]:
        return [self.compared[d][name] for d in days if name in self.compared.get(d, {})]

    def usual(self, day: int, name: str) -> tuple[float, float, int, float] | None:
        """Return centre without the weekend's part, spread, days and that part."""
        rule = RULES[name]
        window = self._window(day)
        known = [d for d in window if name in self.compared.get(d, {})]
        difference = 0.0
        if rule.weekly:
            ends = self._values(name, [d for d in known if is_weekend(d)])
            days = self._values(name, [d for d in known if not is_weekend(d)])
            if ends and days:
                difference = (median(ends) - median(days)) * len(ends) / (len(ends) + 6)
        values = [self.compared[d][name] - weekend_part(difference, d) for d in known]
        if len(values) < 10:
            return None
        centre = median(values)
        spread = 1.4826 * median(abs(value - centre) for value in values)
        if len(values) < 28:
            spread = (len(values) * spread + 7 * rule.cohort) / (len(values) + 7)
        return centre, max(spread, rule.floor), len(values), weekend_part(difference, day)

    def _score(
        self, day: int, features: Values, worn: int, *, keep: bool
    ) -> tuple[NaiveDay, Values]:
        usual = {name: found for name in RULES if (found := self.usual(day, name)) is not None}
        z, still, bands = {}, {}, {}
        for name in RULES:
            centre, spread, count, part = usual.get(name, (0.0, 1.0, 0, 0.0))
            most = 2 * RULES[name].most
            if name in usual:
                wide = 1.2816 * spread
                at = (centre + part, centre + part - wide, centre + part + wide)
                bands[name] = (back(name, at[0]), back(name, at[1]), back(name, at[2]))
                if name == "circadian_phase_h":
                    bands[name] = beside(at, features.get(name, 12.0))
            if name not in features:
                continue
            value = scaled(name, self.clocked[name])
            if name in usual:
                sure = math.sqrt(count / (count + 8))
                z[name] = clip(sure * (value - centre - part) / spread, -most, most)
            if self.frozen is not None and name in self.frozen[1]:
                part = self.part(day, name)
                moved = (value - part - self.frozen[1][name]) / self.frozen[2][name]
                still[name] = clip(moved, -most, most)
        window = self._window(day)
        body_known = any(self._values(name, window) for name in BODY)
        proved = worn >= 480 or any(name in BODY for name in z) or not body_known
        raw, self.today = self.smoothed.move(z, proved)
        drift = self._drift(day, usual)
        scores = {name: value / REVIEW[name] for name, value in raw.items()}
        bar = 0.3 * min(self.told, 0.7)
        scores = {name: value - bar for name, value in scores.items()}
        if drift is not None:
            scores["drift"] = drift / REVIEW["drift"]
        held = dict(scores)
        if self.frozen is not None:
            memory = self.held if keep else self.held.copy()
            raw_held, _ = memory.move(still, proved)
            held |= {n: value / REVIEW[n] for n, value in raw_held.items() if n in scores}
        held = {name: value / (1 + self.offset[name]) for name, value in held.items()}
        daily = [scores[name] for name in DAILY if name in scores]
        score = max(daily) if daily else None
        self.scores[day] = score or 0.0
        asked = self.asked(scores)
        strongest = max(ASKED_FIRST, key=lambda name: asked.get(name, -math.inf))
        stands_out = score is not None and asked.get(strongest, -math.inf) >= 0.6
        level = max((level_of(name, value) for name, value in asked.items()), default=0)
        family = strongest if stands_out else None
        return NaiveDay(day, scores, score, family, level, bands), held

    def part(self, day: int, name: str) -> float:
        """Return the weekend's part, which a measure has before its centre is known."""
        if not RULES[name].weekly:
            return 0.0
        window = self._window(day)
        ends = self._values(name, [d for d in window if is_weekend(d)])
        days = self._values(name, [d for d in window if not is_weekend(d)])
        if not ends or not days:
            return 0.0
        difference = (median(ends) - median(days)) * len(ends) / (len(ends) + 6)
        return weekend_part(difference, day)

    def asked(self, scores: Values) -> Values:
        """Return what asks for attention: without a moved body, illness is withdrawal."""
        asked = dict(scores)
        if self.smoothed.sums["body"] < 0.5 and "illness" in asked:
            illness = asked.pop("illness")
            asked["withdrawal"] = max(illness, asked.get("withdrawal", -math.inf))
        return {name: value / (1 + self.offset[name]) for name, value in asked.items()}

    def _drift(self, day: int, usual: dict[str, tuple[float, float, int, float]]) -> float | None:
        weeks = [w for w in self.weeks if day - 84 <= 7 * w and 7 * w + 6 <= day - 28]
        moved = {}
        for name, rule in RULES.items():
            far = [self.weeks[w][name] for w in weeks if name in self.weeks[w]]
            near = self._values(name, list(range(day - 16, day + 1)))
            if len(far) < 4 or len(near) < 10:
                continue
            centre = median(far)
            between = 1.4826 * median(abs(value - centre) for value in far)
            within = usual[name][1] if name in usual else rule.floor
            spread = math.sqrt((within**2 / 2 + between**2) / 2)
            moved[name] = worse(name, clip((median(near) - centre) / spread, -4, 4), 4)
        body = combined({name: z for name, z in moved.items() if name in BODY}, "drift")
        rest = combined({name: z for name, z in moved.items() if name not in BODY}, "drift")
        found = [] if body is None else [body]
        found += [] if rest is None else [0.5 * rest]
        return max(found) if found else None

    def _turn(self, found: NaiveDay, held: Values, explained: bool) -> list[Turned]:
        day, asked = found.day, self.asked(found.scores)
        turned: list[Turned] = []
        for family in [name for name in FAMILIES if name in self.episodes]:
            lives = ("illness", "withdrawal") if family in {"illness", "withdrawal"} else (family,)
            now = [held[name] for name in lives if name in held]
            if now:
                turned += self._go_on(day, family, max(now), asked, held.get(family, 0.0))
        recent = sum(bool(self.compared.get(day - ago)) for ago in range(3))
        since_before = set(self.episodes)
        for family in sorted(ASKED_FIRST, key=lambda name: -asked.get(name, -math.inf)):
            level = level_of(family, asked.get(family, -math.inf))
            may = self._may_open(day, family, level, explained, held, since_before)
            if recent >= 2 and may:
                self.episodes[family] = Episode(day, level)
                self.learned_again = False
                turned.append(Turned(day, family, "opened", level, day, held.get(family, 0.0)))
        return turned

    def _go_on(
        self, day: int, family: str, lives_on: float, asked: Values, score: float
    ) -> list[Turned]:
        episode = self.episodes[family]
        if lives_on < 0.6:
            episode.low_days += 1
            if episode.low_days < 2:
                return []
            del self.episodes[family]
            self.rest_until = day + 7
            return [Turned(day, family, "closed", episode.level, episode.opened_day, score)]
        episode.low_days = 0
        before = episode.level
        episode.level = max(before, level_of(family, asked.get(family, -math.inf)))
        kind = "worsened" if episode.level > before else "continued"
        return [Turned(day, family, kind, episode.level, episode.opened_day, score)]

    def _window(self, day: int) -> list[int]:
        """Days that teach; where they are too few, those that were set aside teach after all."""
        days = list(range(day - 30, day - 2))
        taught = [d for d in days if d not in self.set_aside]
        return taught if sum(bool(self.compared.get(d)) for d in taught) >= 10 else days

    def _may_open(
        self,
        day: int,
        family: str,
        level: int,
        explained: bool,
        held: Values,
        since_before: set[str],
    ) -> bool:
        if level == 0 or family in self.episodes or len(self.episodes) == 2:
            return False
        if family in {"illness", "sleep", "withdrawal"} and explained:
            return False
        if family in {"illness", "sleep"} and self.quiet and day <= self.quiet[1]:
            return False
        if level < 2 and day <= self.rest_until:
            return False
        others = {
            name: one.level
            for name, one in self.episodes.items()
            if name != "drift" and name in held
        }
        if family == "drift" or all(level > one for one in others.values()):
            return True
        if level < 2 or set(others) - since_before:
            return False
        if family == "withdrawal":
            return others.get("illness", 0) < 2
        body_alone = 0.8 * self.smoothed.sums["body"] / (1 + self.offset["illness"])
        same = family == "illness" and others.get("withdrawal", 0) == 2
        return not same or body_alone >= REVIEW["illness"]

    def _freeze(self, day: int) -> None:
        """Hold what is usual while an episode is open, for 21 days at most."""
        if not self.episodes:
            self.frozen, self.learned_again = None, False
        elif self.frozen is not None and day - self.frozen[0] >= 21:
            self.frozen, self.learned_again = None, True
        elif self.frozen is None and not self.learned_again:
            usual = {name: found for name in RULES if (found := self.usual(day, name)) is not None}
            centres = {name: found[0] for name, found in usual.items()}
            self.frozen = day, centres, {name: found[1] for name, found in usual.items()}
            self.held = self.smoothed.copy()
