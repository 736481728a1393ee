"""The words of the report that no figure changes: its limits, its method, its sources."""

from __future__ import annotations

from typing import Final

from tidewell.evaluation.injections import GRACE_DAYS, JUST_BEFORE_DAYS, PLACEMENTS
from tidewell.evaluation.metrics import CHANCE_DRAWS, REFRACTORY_DAYS
from tidewell.evaluation.study import SEED

LIMITS: Final = """\
## Limits first

- **These are not young people in care.** The recordings are of adults who chose to wear a watch and
  to share what it measured, most of them in 2020 and 2021. Nobody has measured Tidewell on the
  people whom it is for.
- **Few people.** Read the intervals, not the middle of them. With three people, a share says
  nearly nothing.
- **Illness is the only change with known days.** When people fell ill they wrote down the day.
  There is no recording of withdrawal, of broken sleep or of slow decline with known days; those
  figures come from changes that we laid over real days, and they say only that a change *of that
  size* is seen.
- **Around the onset is not before it.** Most of what is found is found when people already feel
  ill. Tidewell does not promise to know before they do.
- **Chance finds a lot.** A score that means nothing finds illnesses too, the more the more often it
  may ring. A figure without its chance beside it says nothing, so each has it.
- **Real trouble that nobody wrote down counts as a false episode**, so the true rates are lower.
- Tidewell says that something has changed for a person. It is not an emergency service and not a
  medical device.
"""

METHOD: Final = f"""\
## How it was measured

- The score of a day comes from that day and the person's own earlier days, through the same code
  that runs on what devices send: daily features through its scoring of days, minutes through its
  intake of readings.
- People are split in two halves by a hash of their label (SHA-256): one for choosing weights and
  limits, the other for publishing. Nobody moves between them.
- An episode is a day at or over the threshold, {REFRACTORY_DAYS} days or more after the one before.
  It is false outside 14 days before to 28 days after an onset. A threshold is the lowest that keeps
  its budget on the quiet days of the same people; it is one number for everybody.
- Found: some day of the window is at or over the threshold. Only people with a scored day in the
  window are counted, so the two windows can have different numbers of people.
- Chance: {CHANCE_DRAWS} random scores on the same days at the same budget, mean; for the shipped
  policy, at the rate that it reached. Other days: the real score around made-up onsets on quiet
  days, which shows what a restless score finds anywhere.
- Intervals are Wilson's, 95 %. Up to {PLACEMENTS} changes were laid over each person's days, so
  the intervals of those tables are somewhat too narrow. A change counts as found until {GRACE_DAYS}
  days after its end. It is laid only where half of the {JUST_BEFORE_DAYS} days before were
  measured: after a longer gap Tidewell learns again and gives no score.
- A spread is the median absolute deviation of the person's days before the change, times 1.4826.
- Rates are per month of days that could be scored; "watched" counts every day from the first to
  the last. Seed of every draw: {SEED}.

## Where the recordings come from

LifeSnaps: Yfantidou et al., Scientific Data 2022, doi 10.1038/s41597-022-01764-x, CC BY 4.0; the
device's resting heart rate is used as night heart rate, and times of sleep are estimated from
hourly steps. Stanford, phase 1: Mishra et al., Nature Biomedical Engineering 2020,
doi 10.1038/s41551-020-00640-6, dates moved by its authors. Welltory: daily wearable summaries and
days of first symptoms, CC0; people with at least 28 days. Stress-Predict: Iqbal et al. 2022, MIT.
None of the recordings is part of this project.
"""
