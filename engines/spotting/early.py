"""The early look: a movement that has turned is judged before it is over.

A spotted movement is known some .3 s after its apex, when the face has returned. Once the face turns back, its future
is guessed as the mirror image of its past about the apex, as if it went back the way it came, and the same network
judges that. What does not return after all is withdrawn. No training of its own: the network, its odds and the setting
``alarms_per_minute`` are those of the final decision.
"""

from collections import deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engines.spotting.detector import FUTURE, PAST, Detector, Network
from engines.spotting.features import NOISE, RATE_HZ
from engines.spotting.history import History
from engines.spotting.settings import SpottingSettings
from engines.spotting.spot import Early, Spot

# How long ago the apex may be, and how much earlier the face was where it came from, seconds.
_APEX_AGO_S: Final = (0.03, 0.045, 0.06, 0.08, 0.1)
_ROSE_S: Final = (0.08, 0.12, 0.18, 0.25)
_REST_S: Final = 0.03
# It has turned when it went back by this share of its rise; so short before the apex it was still lower by that share.
_TURNED, _ROSE = 0.15, 0.08
_BEFORE_S: Final = 0.05
_LEAST_PX: Final = 0.15
_LOOK_EACH_S: Final = 0.015
# As long as one is open, or was just closed, there is no other.
_APART_S: Final = 0.35
# What has not been confirmed by then is withdrawn.
_DECIDED_S: Final = 0.6
_MOVING_SHARE: Final = 0.35
# News nobody asks for is forgotten.
_NEWS: Final = 256
# An apex lies within so much of the moment the final decision gives it.
SAME_S: Final = 0.15


@dataclass(frozen=True)
class Turned:
    """A movement that has turned: positions in the history, regions that take part, how far each went (R, 2), logit."""

    onset: int
    apex: int
    moving: NDArray[np.bool_]
    displacement: NDArray[np.float64]
    logit: float


class EarlyLook:
    """Looks for a turn at every frame, and has the network judge it."""

    def __init__(self, network: Network, settings: SpottingSettings) -> None:
        self._network = network
        self._smooth_s = settings.smooth_s
        self._rest_s = settings.rest_s
        self._threshold = network.odds.threshold(settings.alarms_per_minute)
        self.clear()

    def clear(self) -> None:
        """Begin anew with the next frame."""
        self._looked_s = self._found_s = -np.inf

    def push(self, history: History, detector: Detector) -> Turned | None:
        """Look at the newest frame of ``history``; ``detector`` has the latest rows."""
        t_s = float(history.times[-1])
        if t_s - self._looked_s < _LOOK_EACH_S or t_s - self._found_s < _APART_S:
            return None
        self._looked_s = t_s
        if history.span_s() < self._rest_s + _APEX_AGO_S[0] + _ROSE_S[0]:
            return None
        turn = self._turn(history, t_s)
        if turn is None:
            return None
        apex_s, rest_s, direction, moving = turn
        rows, newest_s = detector.recent()
        logit = self._judge(rows, max(0, round((newest_s - apex_s) * RATE_HZ))) if len(rows) else None
        if logit is None or logit <= self._threshold:
            return None
        self._found_s = t_s
        return self._measure(history, apex_s, rest_s, direction, moving, logit)

    def _turn(
        self, history: History, t_s: float
    ) -> tuple[float, float, NDArray[np.float64], NDArray[np.bool_]] | None:
        """The largest movement that has just turned: time of its apex and of its rest, direction (R, 2), regions."""
        now = history.mean(t_s - self._smooth_s, t_s)
        best: tuple[float, float, float, NDArray[np.float64], NDArray[np.bool_]] | None = None
        for ago_s in _APEX_AGO_S:
            apex_s = t_s - ago_s
            at = history.mean(apex_s - 0.5 * self._smooth_s - 0.005, apex_s + 0.5 * self._smooth_s)
            before = history.mean(apex_s - _BEFORE_S - self._smooth_s, apex_s - _BEFORE_S)
            for rose_s in _ROSE_S:
                rest_s = apex_s - rose_s
                if rest_s - _REST_S < history.times[0]:
                    break
                motion = at - history.mean(rest_s - _REST_S, rest_s)
                size = np.hypot(motion[:, 0], motion[:, 1])
                moving = size > _MOVING_SHARE * size.max()
                direction = motion * moving[:, None]
                rise = float(np.linalg.norm(direction))
                if size.max() < _LEAST_PX or (best is not None and rise <= best[0]):
                    continue
                direction = direction / rise
                went_back = float(((at - now) * direction).sum())
                came_up = float(((at - before) * direction).sum())
                if went_back > _TURNED * rise and came_up > _ROSE * rise:
                    best = rise, apex_s, rest_s, direction, moving
        return None if best is None else best[1:]

    def _judge(self, rows: NDArray[np.float32], back: int) -> float | None:
        """The network's logit for an apex ``back`` rows ago or the one before, the rest of the future mirrored."""
        windows = []
        for apex in (len(rows) - 1 - back, len(rows) - 2 - back):
            if apex < 1:
                continue
            past = rows[max(0, apex - PAST) : apex + 1]
            past = np.concatenate([np.repeat(past[:1], PAST + 1 - len(past), axis=0), past])
            steps = np.arange(1, FUTURE + 1)
            known = apex + steps < len(rows)
            future = rows[np.where(known, apex + steps, np.maximum(apex - steps, 0))]
            future[:, NOISE] = rows[-1, NOISE]
            windows.append(np.concatenate([past, future]))
        if not windows:
            return None
        return float(self._network(np.stack(windows))[:, 0].max())

    def _measure(
        self,
        history: History,
        apex_s: float,
        rest_s: float,
        direction: NDArray[np.float64],
        moving: NDArray[np.bool_],
        logit: float,
    ) -> Turned:
        """Apex and onset along the movement's own direction."""
        begin = history.first_since(rest_s - 2 * _REST_S)
        along = (history.motion[begin:] * direction).sum(axis=(1, 2))
        times = history.times[begin:]
        near = np.nonzero(np.abs(times - apex_s) <= max(_REST_S, 0.5 * self._smooth_s))[0]
        top = int(near[np.argmax(along[near])]) if len(near) else int(np.argmax(along))
        rising = along[: top + 1]
        floor = float(rising[: max(1, int((times[: top + 1] <= rest_s).sum()))].mean())
        low = np.nonzero(rising <= floor + 0.05 * (rising[top] - floor))[0]
        onset = begin + (int(low[-1]) if len(low) else int(np.argmin(rising)))
        apex = begin + top
        displacement = history.motion[max(0, apex - 1) : apex + 2].mean(axis=0) - history.motion[onset]
        return Turned(onset, apex, moving, displacement, logit)


@dataclass(eq=False)
class _Open:
    key: int
    apex_s: float


class Announcements:
    """What was announced of movements and is not decided yet: each is confirmed by one spot, or withdrawn."""

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._news: deque[Early] = deque(maxlen=_NEWS)

    def announce(self, spot: Spot) -> None:
        """A provisional spot."""
        key = spot.onset.index
        if any(one.key == key for one in self._open):
            return
        self._open.append(_Open(key, spot.apex.t_s))
        self._news.append(Early("provisional", key, replace(spot, key=key)))

    def confirm(self, spot: Spot) -> Spot:
        """A final spot, with the key under which it was announced, if it was."""
        one = self._of(spot.apex.t_s)
        return spot if one is None else replace(spot, key=one.key)

    def refuse(self, apex_s: float, reason: str) -> None:
        """What had its apex then is none after all."""
        one = self._of(apex_s)
        if one is not None:
            self._news.append(Early("withdrawn", one.key, reason=reason))

    def _of(self, apex_s: float) -> _Open | None:
        for one in self._open:
            if abs(one.apex_s - apex_s) < SAME_S:
                self._open.remove(one)
                return one
        return None

    def expire(self, t_s: float, reason: str) -> None:
        """Withdraws what has been open for too long."""
        while self._open and t_s - self._open[0].apex_s > _DECIDED_S:
            self._news.append(Early("withdrawn", self._open.pop(0).key, reason=reason))

    def withdraw_all(self, reason: str) -> None:
        """The face cannot be followed any more."""
        self.expire(np.inf, reason)

    def take(self) -> list[Early]:
        """The news since the last call."""
        news = list(self._news)
        self._news.clear()
        return news
