"""Training: every epoch adds other movements to each face, mirrored or not, at another tempo and size."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.errors import InputError
from engines.spotting.detector import FUTURE, PAST, RISE_UNIT_S, SHIFT_UNIT_S
from engines.spotting.features import RATE_HZ, mirrored
from offline.spotting.batch import Tick
from offline.spotting.learning.fields import Fields, fields_of
from offline.spotting.learning.network import SpottingNetwork, padded
from offline.spotting.learning.rehearsal import rehearse, training_implants, warped
from offline.spotting.learning.rows import rows_of
from offline.spotting.learning.sources import Subject

EPOCHS: Final = 120
_RATE, _DECAY, _BATCH, _CLIP = 2e-3, 0.02, 24, 1.0
# Answers that are learnt from together: 8.5 seconds; ends shorter than a quarter of that are left out.
_CHUNK: Final = 256
# The rate rises for a tenth of the training and has fallen to nothing at its end.
_RISING = 0.1
# Rows without weight: the start of a stretch, whose noise is not known yet, and rows this near a movement's ends.
_UNSETTLED_S, _NEAR_S = 0.4, 0.05
# Rows so near the apex are apexes, and rows a little farther half of one.
_APEX_ROWS, _ABOUT_ROWS, _HALF = 1.5, 2.6, 0.5
# Detection weighs more than the times of onset and offset.
_LOGIT_LOSS, _TIME_LOSS, _TIME_BETA = 10.0, 0.3, 0.3
# Variants of the fields of a face.
_VARIANTS_REAL, _VARIANTS_RENDERED = 40, 25
# Times an epoch: a person seen for long once, others more often, rendered faces only sometimes.
_LONG_S, _LONG_TIMES, _TIMES, _RENDERED_TIMES = 120.0, 1.0, 3.0, 0.6
_PAUSE_S = (1.0, 4.0)


@dataclass(frozen=True)
class Lesson:
    """A subject with the fields of its face, and how often an epoch shows it on average."""

    subject: Subject
    fields: Fields
    times: float


@dataclass(frozen=True)
class Labels:
    """What is right at T rows: ``apex`` (T,) 0, half or 1, counted by ``weight`` (T,) 0 or 1.

    ``times`` (T, 3): rise, fall and shift in the network's units, where ``timed`` (T,) is 1. All float32.
    """

    apex: NDArray[np.float32]
    weight: NDArray[np.float32]
    times: NDArray[np.float32]
    timed: NDArray[np.float32]


def face_fields(subject: Subject, variants: int | None = None) -> Fields:
    """The fields of a subject's face, as many variants as training takes by default; always the same ones."""
    recording = subject.recording
    count = variants or (_VARIANTS_REAL if subject.real else _VARIANTS_RENDERED)
    rng = np.random.default_rng(crc32(subject.name.encode()))
    return fields_of(recording.landmarks, np.rint(np.median(recording.centres, axis=0)), count, rng)


def lessons_of(subjects: Sequence[Subject]) -> list[Lesson]:
    """What to train on these subjects with."""
    seconds: dict[str, float] = {}
    for subject in subjects:
        seconds[subject.person] = seconds.get(subject.person, 0.0) + subject.recording.seconds()

    def times(subject: Subject) -> float:
        if not subject.real:
            return _RENDERED_TIMES
        return _LONG_TIMES if seconds[subject.person] > _LONG_S else _TIMES

    return [Lesson(subject, face_fields(subject), times(subject)) for subject in subjects]


def labels(times_s: NDArray[np.float64], events: NDArray[np.float64]) -> Labels:
    """Labels of rows at times (T,) with micro-expressions (E, 3): onset, apex, offset, seconds."""
    count = len(times_s)
    apex, weight = np.zeros(count, np.float32), np.ones(count, np.float32)
    times, timed = np.zeros((count, 3), np.float32), np.zeros(count, np.float32)
    # The rest of a movement is neither an apex nor background.
    for onset, _, offset in events:
        weight[(times_s >= onset - _NEAR_S) & (times_s <= offset + _NEAR_S)] = 0
    weight[times_s < times_s[0] + _UNSETTLED_S] = 0
    for onset, top, offset in events:
        away = np.abs(times_s - top) * RATE_HZ
        about = (away <= _ABOUT_ROWS) & (times_s >= times_s[0] + _UNSETTLED_S)
        apex[about] = np.where(away[about] <= _APEX_ROWS, 1, _HALF)
        weight[about] = 1
        times[about, 0] = (top - onset) / RISE_UNIT_S
        times[about, 1] = (offset - top) / RISE_UNIT_S
        times[about, 2] = (top - times_s[about]) / SHIFT_UNIT_S
        timed[about] = away[about] <= _APEX_ROWS
    return Labels(apex, weight, times, timed)


def epoch(lessons: Sequence[Lesson], rng: np.random.Generator) -> tuple[NDArray[np.float32], Labels]:
    """What one epoch is trained on: rows (N, PAST + chunk + FUTURE, COLUMNS) and labels (N, chunk, ...).

    Raises InputError where there is nothing.
    """
    rows: list[NDArray[np.float32]] = []
    parts: list[Labels] = []
    for lesson in lessons:
        whole = int(lesson.times)
        for _ in range(whole + int(rng.random() < lesson.times - whole)):
            recording = lesson.subject.recording
            if lesson.subject.real:
                recording = warped(recording, rng)
            implants, events = training_implants(recording, lesson.fields, rng, rng.uniform(*_PAUSE_S))
            for stretch in rows_of(recording, rehearse(recording, implants)):
                seen = mirrored(stretch.rows) if rng.random() < 0.5 else stretch.rows
                _cut(padded(seen), labels(stretch.times_s, events), rows, parts)
    if not rows:
        raise InputError("no face is seen for long enough to learn from it: add longer videos")
    stacked = {part.name: np.stack([getattr(label, part.name) for label in parts]) for part in fields(Labels)}
    return np.stack(rows), Labels(**stacked)


def _cut(
    seen: NDArray[np.float32], right: Labels, rows: list[NDArray[np.float32]], parts: list[Labels]
) -> None:
    """Cut a stretch into chunks; the last is filled up with rows that count for nothing."""
    count = len(right.apex)
    for first in range(0, max(count - _CHUNK // 4, 1), _CHUNK):
        last = min(first + _CHUNK, count)
        rest = _CHUNK - (last - first)
        chunk = seen[first : last + PAST + FUTURE]
        rows.append(np.pad(chunk, ((0, rest), (0, 0)), mode="edge"))
        cut = {part.name: getattr(right, part.name)[first:last] for part in fields(Labels)}
        parts.append(
            Labels(**{name: np.pad(a, ((0, rest),) + ((0, 0),) * (a.ndim - 1)) for name, a in cut.items()})
        )


def train(lessons: Sequence[Lesson], epochs: int, seed: int, tick: Tick | None = None) -> SpottingNetwork:
    """A network trained from the seed, ready to answer; the same seed gives the same network. ``tick``: epochs done."""
    torch.set_num_threads(1)  # sums in another order are other sums; folds are what runs in parallel
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = SpottingNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule: torch.optim.lr_scheduler.OneCycleLR | None = None
    for _ in range(epochs):
        rows, right = epoch(lessons, rng)
        if schedule is None:
            # How many chunks an epoch has differs a little: there is room for one more batch in each.
            total = epochs * (-(-len(rows) // _BATCH) + 1)
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimiser, _RATE, total_steps=total, pct_start=_RISING
            )
        order = torch.randperm(len(rows)).numpy()
        for first in range(0, len(rows), _BATCH):
            chosen = order[first : first + _BATCH]
            some = Labels(**{part.name: getattr(right, part.name)[chosen] for part in fields(Labels)})
            loss = _loss(network(torch.from_numpy(rows[chosen]).transpose(1, 2)), some)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
            optimiser.step()
            if schedule.last_epoch + 1 < schedule.total_steps:
                schedule.step()
        if tick:
            tick(1)
    return network.eval()


def _loss(answers: torch.Tensor, right: Labels) -> torch.Tensor:
    """The loss of answers (B, 4, chunk)."""
    apex, weight, times, timed = (torch.from_numpy(getattr(right, part.name)) for part in fields(Labels))
    wrong = nn.functional.binary_cross_entropy_with_logits(answers[:, 0], apex, reduction="none")
    late = nn.functional.smooth_l1_loss(
        answers[:, 1:].transpose(1, 2), times, reduction="none", beta=_TIME_BETA
    )
    about_apex = _LOGIT_LOSS * (wrong * weight).sum() / weight.sum().clamp(min=1)
    return about_apex + _TIME_LOSS * (late.sum(2) * timed).sum() / (timed.sum() + 1)
