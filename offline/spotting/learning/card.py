"""The model card that goes with the spotter's network, and the table for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engines.spotting.detector import FUTURE, PAST, Odds
from engines.spotting.features import COLUMNS, RATE_HZ
from offline.spotting.learning.scoring import CURVE, RATES, Scored, recall, threshold
from offline.spotting.matching import LEAST_IOU
from offline.spotting.real_command import NOT_ANNOTATED

_METHOD = """Each video was recorded once: how far 18 regions of the face went against short references, with the head
still in it. Every epoch other micro-expressions were added to these shifts: fields of one or a few action units, their
strength, place, extent and direction varied, 0.9 to 2.8 pixels of a face 200 px wide, 0.1 to 0.5 seconds. So were
movements that only look like one: macro-expressions, single windows that slip, movements that come fast and go slowly.
Then the head was taken away and rows were made exactly as the live spotter makes them, in a mirror half of the time,
real faces also at another tempo and size. The network never saw a picture, and no annotated micro-expression of a real
person: what it knows of them is what implanting says they are."""

_LIMITS = (
    "**It is not a lie detector and does not read emotions.** It says that parts of a face moved a little, quickly, "
    "and came back. Why, and whether anything was felt, it cannot know.",
    "Recall is of implants. Real micro-expressions may differ from them in ways that nobody here has measured; on an "
    "annotated database the figures will be others.",
    "A prediction is no evidence about a person: not of guilt, intent, health or fitness for anything. Nobody should "
    "be judged by it.",
    "The odds hold where micro-expressions are as frequent as implants were in scoring, one every few seconds. They "
    "are far rarer in life: read the odds as an order, and hold on to alarms a minute.",
    "The real videos are few. Scores for other people, cameras and light are unknown.",
)


@dataclass(frozen=True)
class Facts:
    """What the card says of the file: its name, size and SHA-256, and how far it is from PyTorch at most.

    ``minutes``, ``videos`` and ``people`` of the real videos; ``rendered`` ones and their minutes;
    ``groups`` of people were left out; ``about``: what may be said of where the real videos come from.
    """

    name: str
    size: int
    sha256: str
    difference: float
    videos: int
    people: int
    minutes: float
    rendered: int
    rendered_minutes: float
    groups: int
    epochs: int
    seeds: tuple[int, ...]
    about: str = ""


def table(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """For each rate of alarms the threshold, how many alarms there were, and recall."""
    rows = []
    for rate in sorted(CURVE):
        above = threshold(scored, rate)
        rows.append(
            {
                "alarms_per_minute": rate,
                "threshold": round(above, 2),
                "alarms": sum(logit > above for one in scored for logit in one.alarms),
                "recall": recall(scored, above),
            }
        )
    return rows


def by_video(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """Every video, and all together: implants, and at each of `RATES` how many were found and how many alarms there
    were.
    """
    above = {rate: threshold(scored, rate) for rate in RATES}
    rows = []
    for name, some in [*((one.name, [one]) for one in scored), ("all", list(scored))]:
        at = [
            {
                "alarms_per_minute": rate,
                "recall": recall(some, above[rate]),
                "alarms": sum(logit > above[rate] for one in some for logit in one.alarms),
            }
            for rate in RATES
        ]
        rows.append(
            {
                "video": name,
                "minutes": sum(one.seconds for one in some) / 60,
                "implants": sum(len(one.implants) for one in some),
                "at": at,
            }
        )
    return rows


def lines(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    """`by_video` as rows of a table for the terminal: recall and, in brackets, alarms."""
    return [
        {
            "video": row["video"],
            "minutes": f"{row['minutes']:.2f}",
            "implants": row["implants"],
            **{
                f"at {at['alarms_per_minute']:g}/min": f"{_share(at['recall'])} ({at['alarms']})"
                for at in row["at"]
            },
        }
        for row in by_video(scored)
    ]


def card(facts: Facts, scored: Sequence[Scored], odds: Odds) -> str:
    """The card in Markdown; it names nobody, and no video."""
    implants = sum(len(one.implants) for one in scored)
    rows = "".join(
        f"| {row['alarms_per_minute']:g} | {row['alarms']} | {row['threshold']:.2f} | {_share(row['recall'])} |\n"
        for row in table(scored)
    )
    rendered = (
        f"Beside them {facts.rendered_minutes:.1f} minutes of rendered faces were trained on "
        f"({facts.rendered} videos). "
        if facts.rendered
        else ""
    )
    left_out = "each person" if facts.groups >= facts.people else f"each of {facts.groups} groups of people"
    seeds = ", ".join(map(str, facts.seeds))
    parts = [
        f"# {facts.name}: model card",
        f"The spotter's network: it looks at {(PAST + 1 + FUTURE) / RATE_HZ:.1f} seconds of a face's motion around "
        "each thirtieth of a second and gives the odds that a micro-expression had its apex there.",
        _facts(
            {
                "input": f"`rows`, float32 (N, {PAST + 1 + FUTURE}, {COLUMNS}) at {RATE_HZ:g} a second: motion of "
                "regions, pose of the head, eyes, mouth, likeness, noise, crop pixels",
                "output": "`answers`, float32 (N, 4): logit, rise, fall and shift of the apex",
                "latency": f"{FUTURE} rows after the apex, and those that confirm it",
                "odds": f"logistic of {odds.slope:.3f} × logit {odds.offset:+.3f}, in the file's metadata",
                "size": f"{facts.size / 1000:.0f} kB",
                "SHA-256": f"`{facts.sha256}`",
                "difference from PyTorch": f"at most {facts.difference:.1e}",
                "training": f"{facts.epochs} epochs; the mean of a network for each of the seeds {seeds}",
            }
        ),
        "## Data\n\n"
        f"{facts.videos} real videos, {facts.minutes:.1f} minutes in which a face is seen, {facts.people} people"
        f"{', ' + facts.about if facts.about else ''}. None of them is in this project. {rendered}".rstrip(),
        _METHOD,
        "## How well it does on people it has not seen\n\n"
        f"By networks trained the same way with {left_out} left out. Alarms are what is detected in the real videos as "
        f"they are. Recall is of {implants} micro-expressions implanted into the same recordings, 1 to 2.6 pixels of "
        f"a face 200 px wide, 0.26 to 0.48 s, found where the intervals' overlap is at least {LEAST_IOU:g} of their "
        "union. Thresholds and odds are fitted to these same scores. In so few minutes no rate below "
        f"{1 / facts.minutes:.2f} a minute can be distinguished from none.",
        f"| alarms a minute | alarms | logit | recall |\n|---|---|---|---|\n{rows}".rstrip(),
        NOT_ANNOTATED,
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _LIMITS),
        "Made by `apexbench spot-train`, which makes it again from videos of your own.",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(rows: Mapping[str, str]) -> str:
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows.items())


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
