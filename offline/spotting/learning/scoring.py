"""How well networks spot people they have not seen: alarms where nothing was implanted, recall where something was."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.spotting.detector import FUTURE, Apex, Odds, Peaks
from engines.spotting.features import RATE_HZ
from engines.spotting.settings import SpottingSettings
from offline.spotting.learning.network import SpottingNetwork, answers
from offline.spotting.learning.rehearsal import rehearse, scoring_implants
from offline.spotting.learning.rows import Stretch, rows_of
from offline.spotting.learning.sources import Subject
from offline.spotting.learning.training import face_fields
from offline.spotting.matching import LEAST_IOU, one_to_one, overlap

# Alarms a minute at which recall is reported, and those whose thresholds the network's file holds.
RATES: Final = (0.2, 0.5, 1.0)
CURVE: Final = (5.0, 2.0, 1.0, 0.5, 0.2)
# No rate of alarms in use needs a lower threshold.
FLOOR: Final = -6.0
_ROUNDS, _SEED = 3, 77
_REST_S = SpottingSettings().rest_s


class Scored(msgspec.Struct, frozen=True):
    """One video scored by networks that have not seen the person.

    ``seconds`` in which the face was seen; ``alarms``: logits of what was detected in the video as it is; ``implants``:
    for each the logit it was found with, None where it was not; ``detections``: logits with implants, and whether
    it was one.
    """

    name: str
    person: str
    seconds: float
    alarms: tuple[float, ...]
    implants: tuple[float | None, ...]
    detections: tuple[tuple[float, bool], ...]


def score(members: Sequence[SpottingNetwork], subject: Subject) -> Scored:
    """Score a subject as it is, and in three rounds with implants."""
    recording = subject.recording
    alarms = [apex.logit for stretch in rows_of(recording) for apex in apexes(members, stretch)]
    exact = face_fields(subject, variants=1)
    implants: list[float | None] = []
    detections: list[tuple[float, bool]] = []
    for number in range(_ROUNDS):
        put, events = scoring_implants(recording, exact, np.random.default_rng((_SEED, number)))
        stretches = rows_of(recording, rehearse(recording, put))
        found = [apex for stretch in stretches for apex in apexes(members, stretch)]
        which = match(found, events)
        implants += [None if k is None else found[k].logit for k in which]
        detections += [(apex.logit, k in which) for k, apex in enumerate(found)]
    return Scored(
        subject.name, subject.person, recording.seconds(), tuple(alarms), tuple(implants), tuple(detections)
    )


def apexes(members: Sequence[SpottingNetwork], stretch: Stretch) -> list[Apex]:
    """What the live detector would report of a stretch, from its first row that counts to its flush, above `FLOOR`."""
    peaks, found = Peaks(), []
    given = answers(members, stretch.rows, after=FUTURE + Peaks.AFTER)
    begun = float(stretch.times_s[0])
    for k, answer in enumerate(given):
        apex = peaks.push(begun + k / RATE_HZ, answer)
        if apex is not None and apex.logit > FLOOR and apex.apex_s >= begun + _REST_S:
            found.append(apex)
    return found


def match(found: Sequence[Apex], events: NDArray[np.float64]) -> list[int | None]:
    """Which of ``found`` each of the events (E, 3) was found as: the surest that overlaps enough and is left."""
    spans = [(apex.onset_s, apex.offset_s) for apex in found]
    surest = sorted(range(len(found)), key=lambda k: -found[k].logit)
    answers = one_to_one(
        (event, k)
        for event, (onset, _, offset) in enumerate(events)
        for k in surest
        if overlap(spans[k], (onset, offset)) >= LEAST_IOU
    )
    return [answers.get(event) for event in range(len(events))]


def threshold(scored: Sequence[Scored], alarms_per_minute: float) -> float:
    """The logit above which there are so many alarms a minute, or just fewer, over all videos together."""
    every = sorted((logit for one in scored for logit in one.alarms), reverse=True)
    allowed = int(alarms_per_minute * sum(one.seconds for one in scored) / 60)
    return every[allowed] if allowed < len(every) else FLOOR


def recall(scored: Sequence[Scored], above: float) -> float | None:
    """The share of implants found with a logit above a threshold; None where nothing was implanted."""
    every = [logit for one in scored for logit in one.implants]
    if not every:
        return None
    return sum(logit is not None and logit > above for logit in every) / len(every)


def calibrate(scored: Sequence[Scored]) -> Odds:
    """Odds and thresholds from the logits on people left out. Raises ValueError without any detection."""
    pairs = [pair for one in scored for pair in one.detections]
    if not pairs:
        raise ValueError("nothing was detected in any video: nothing to calibrate with")
    slope, offset = logistic(np.array([logit for logit, _ in pairs]), np.array([hit for _, hit in pairs]))
    alarms = tuple((rate, threshold(scored, rate)) for rate in CURVE)
    recalls = [recall(scored, logit) for _, logit in alarms]
    return Odds(slope, offset, alarms, tuple(round(each, 4) for each in recalls if each is not None))


def logistic(logits: NDArray[np.float64], hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the likeliest logistic curve through hits and misses, with Platt's targets (1999).

    They keep off 0 and 1, so that a curve exists even where hits and misses are separable or one is absent.
    """
    from scipy.optimize import minimize

    right, wrong = int(hits.sum()), int((~hits).sum())
    targets = np.where(hits, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(at: NDArray[np.float64]) -> float:
        z = at[0] * logits + at[1]
        return float((np.logaddexp(0, z) - targets * z).mean())

    slope, offset = minimize(loss, np.array([1.0, 0.0])).x
    return float(slope), float(offset)
