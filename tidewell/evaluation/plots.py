"""The plots of the report, as SVG: the same figures give the same bytes.

No date, no version and no path goes into a file, and text stays text, so that a change of a figure
is a change that can be read. Every plot shows chance beside what was found.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from tidewell.errors import UsageError
from tidewell.evaluation.figures import InjectionResult, Recall, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: Final[Any] = {
    "svg.hashsalt": "tidewell",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""Any, because the library knows its settings as a list of literals."""
FOUND: Final = "#005eb8"
CHANCE: Final = "#aeb7bd"
LEAST_FOR_PLOT: Final = 3
"""People; fewer are no picture."""


def require_plots() -> None:
    """Raise before the long work begins where plots cannot be drawn.

    Raises:
        UsageError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise UsageError(
            "matplotlib is missing; the report draws with it: install the extra `evaluate`"
        )


def draw(study: Study) -> dict[str, str]:
    """Return the plots that these figures allow, by the name of their file."""
    plots = {}
    shown = [one for one in study.recalls if _labelled(one) >= LEAST_FOR_PLOT]
    if shown:
        plots["recall.svg"] = _recalls(shown)
    injected = [one for _, results in study.injections for one in results]
    if injected:
        plots["injections.svg"] = _injections(injected)
    quiet = [one for one in study.recalls if len(one.rates) >= LEAST_FOR_PLOT]
    if quiet:
        plots["rates.svg"] = _rates(quiet)
    return plots


def _labelled(one: Recall) -> int:
    return one.results[0].around.of if one.results else 0


def _recalls(shown: Sequence[Recall]) -> str:
    figure, panels = _figure(len(shown), 3.2)
    for axes, one in zip(panels, shown, strict=True):
        places = list(range(len(one.results)))
        shares = [result.around for result in one.results]
        low = [share.value - share.interval[0] for share in shares]
        high = [share.interval[1] - share.value for share in shares]
        values = [share.value for share in shares]
        axes.errorbar(places, values, [low, high], fmt="o-", color=FOUND, capsize=3, label="found")
        chance = [result.chance_around for result in one.results]
        axes.plot(places, chance, "s--", color=CHANCE, label="chance: a random score")
        axes.set_xticks(places, [f"{result.budget:g}" for result in one.results])
        axes.set_ylim(-0.02, 1.02)
        axes.set_title(f"{one.name}, n = {shares[0].of}")
        axes.set_xlabel("false episodes per person-month")
    panels[0].set_ylabel("share found, 7 days around onset")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return _svg(figure)


def _injections(results: Sequence[InjectionResult]) -> str:
    figure, (axes,) = _figure(1, 0.5 * len(results) + 1.2)
    for place, one in enumerate(reversed(results)):
        found, chance = one.own or one.overall, one.own_chance or one.overall_chance
        low, high = found.interval
        label = "" if place else "chance: the same days without the change"
        axes.plot([chance.value], [place - 0.15], "s", color=CHANCE, label=label)
        axes.plot([low, high], [place, place], "-", color=FOUND)
        axes.plot([found.value], [place], "o", color=FOUND, label="" if place else "found")
    axes.set_yticks(range(len(results)), [one.injection.words for one in reversed(results)])
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share found")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=2)
    return _svg(figure)


def _rates(quiet: Sequence[Recall]) -> str:
    figure, panels = _figure(len(quiet), 2.8)
    for axes, one in zip(panels, quiet, strict=True):
        ordered = sorted(one.rates.tolist(), reverse=True)
        axes.bar(range(1, len(ordered) + 1), ordered, color=FOUND, width=0.8)
        axes.set_title(f"{one.name}, n = {len(ordered)}")
        axes.set_xlabel("people, most episodes first")
        axes.set_ylim(0, max(1.0, *ordered) * 1.05)
    panels[0].set_ylabel("episodes per quiet month")
    return _svg(figure)


def _figure(count: int, height: float) -> tuple[Figure, list[Axes]]:
    import matplotlib as mpl  # noqa: PLC0415 -- only this command draws
    from matplotlib.figure import Figure as NewFigure  # noqa: PLC0415

    with mpl.rc_context(STYLE):
        figure = NewFigure(figsize=(8.0, height), layout="constrained")
        panels = [figure.add_subplot(1, count, place + 1) for place in range(count)]
    return figure, panels


def _svg(figure: Figure) -> str:
    import matplotlib as mpl  # noqa: PLC0415 -- only this command draws

    target = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": "Tidewell"})
    lines = target.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"
