"""The learned part of spotting: rows of features in, moments in which a micro-expression had its apex out.

A small temporal network looks at a second and a third around each thirtieth of a second and gives the odds that a
micro-expression had its apex there, with how long it rose and fell. What it was trained on, how its odds were
calibrated and how many false alarms a minute each threshold costs is in the file and in its card (engines/weights).
"""

from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

import engines
from engines.errors import InputError
from engines.inference.model_file import why_unusable
from engines.spotting.features import COLUMNS, RATE_HZ, mirrored

# Rows before and after the one that is judged.
PAST: Final = 32
FUTURE: Final = 9
# An apex is the highest odds of so many rows before and after it.
_BEFORE, _AFTER = 7, 2
# Times in the network's outputs are in thirds and sixths of a second.
RISE_UNIT_S, SHIFT_UNIT_S = 1 / 3, 1 / 6
_FARTHEST_SHIFT_S = 0.06
_SHORTEST_S = 0.04


class Odds(msgspec.Struct, frozen=True):
    """How the network's logit is to be read, measured on people it had not seen.

    ``slope``, ``offset``: probability of a real event is the logistic function of ``slope * logit + offset``.
    ``alarms``: false alarms a minute and the logit above which there are so many, rates falling; ``recalls``: the share
    of implanted micro-expressions found at each of them, where that is known.
    """

    slope: float
    offset: float
    alarms: tuple[tuple[float, float], ...]
    recalls: tuple[float, ...] = ()

    def probability(self, logit: float) -> float:
        """Calibrated probability that an event of this logit is real."""
        return float(1 / (1 + np.exp(-(self.slope * logit + self.offset))))

    def threshold(self, alarms_per_minute: float) -> float:
        """The logit above which so many false alarms a minute are reported: a line through the logarithms, extended."""
        rates, logits = np.log([rate for rate, _ in self.alarms]), [logit for _, logit in self.alarms]
        wanted = float(np.log(alarms_per_minute))
        k = int(np.clip(np.searchsorted(-rates, -wanted), 1, len(rates) - 1))
        share = (wanted - rates[k - 1]) / (rates[k] - rates[k - 1])
        return float(logits[k - 1] + share * (logits[k] - logits[k - 1]))


@dataclass(frozen=True)
class Apex:
    """A moment with its logit: time of the apex, and of onset and offset as the network guesses them, seconds."""

    logit: float
    onset_s: float
    apex_s: float
    offset_s: float


@dataclass(frozen=True)
class Network:
    """The session that runs the network, and how its logits are read."""

    session: ort.InferenceSession
    odds: Odds

    def __call__(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logit, rise, fall and shift, float32 (N, 4), of windows (N, PAST + 1 + FUTURE, COLUMNS).

        The mean over the face and its mirror image.
        """
        both = np.concatenate([windows, mirrored(windows)])
        (answers,) = self.session.run(None, {"rows": both})
        half = len(windows)
        return np.asarray(0.5 * (answers[:half] + answers[half:]), dtype=np.float32)


@cache
def open_network(path: Path | None = None) -> Network:
    """The shipped network, or one of the same form. Raises InputError where there is none that can be used."""
    if path is None:
        assert engines.__file__ is not None
        path = Path(engines.__file__).parent / "weights" / "spotter.onnx"
    options = ort.SessionOptions()
    # It is far too small to be shared out.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    content = b""
    try:
        content = path.read_bytes()
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        odds = msgspec.json.decode(session.get_modelmeta().custom_metadata_map["odds"], type=Odds)
        shape = session.get_inputs()[0].shape[1:]
    except (OSError, KeyError, msgspec.MsgspecError) as error:
        raise InputError(f"{path}: not a spotting network: {error}") from None
    except Exception as error:
        raise InputError(f"{path} {why_unusable(str(error), content)}, or train it again") from None
    if shape != [PAST + 1 + FUTURE, COLUMNS]:
        raise InputError(
            f"{path}: takes rows of shape {shape}, not {[PAST + 1 + FUTURE, COLUMNS]}; train it again"
        )
    return Network(session, odds)


class Peaks:
    """Picks apexes among the network's answers. An apex is certain `AFTER` answers later."""

    AFTER: Final = _AFTER

    def __init__(self) -> None:
        self._answers: deque[tuple[float, NDArray[np.float32]]] = deque(maxlen=_BEFORE + 1 + _AFTER)

    def push(self, at_s: float, answer: NDArray[np.float32]) -> Apex | None:
        """Take the answer (4,) for the row of a time, a row after the last; return an apex that is certain now."""
        self._answers.append((at_s, answer))
        return self._picked()

    def _picked(self) -> Apex | None:
        if len(self._answers) <= _AFTER:
            return None
        at_s, (logit, rise, fall, shift) = self._answers[-1 - _AFTER]
        if logit < max(answer[0] for _, answer in self._answers):
            return None
        apex_s = at_s + float(np.clip(shift * SHIFT_UNIT_S, -_FARTHEST_SHIFT_S, _FARTHEST_SHIFT_S))
        return Apex(
            float(logit),
            apex_s - max(float(rise) * RISE_UNIT_S, _SHORTEST_S),
            apex_s,
            apex_s + max(float(fall) * RISE_UNIT_S, _SHORTEST_S),
        )


class Detector:
    """Runs the network over rows as they come, and picks apexes."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.clear()

    def clear(self) -> None:
        """Begin anew with the next row."""
        self._rows: deque[NDArray[np.float32]] = deque(maxlen=PAST + 1 + FUTURE)
        self._last_s = 0.0
        self._peaks = Peaks()

    def push(self, t_s: float, row: NDArray[np.float32]) -> Apex | None:
        """Take the row of a time; return an apex that is certain to be one now."""
        if not self._rows:
            # Before it was seen the face is taken to have been still.
            self._rows.extend([row] * PAST)
        self._rows.append(row)
        self._last_s = t_s
        if len(self._rows) < PAST + 1 + FUTURE:
            return None
        answer = self.network(np.stack(self._rows)[None])[0]
        return self._peaks.push(t_s - FUTURE / RATE_HZ, answer)

    def recent(self) -> tuple[NDArray[np.float32], float]:
        """The newest rows (N, COLUMNS), at most PAST + 1 + FUTURE, and the time of the last; none before the first."""
        rows = np.stack(self._rows) if self._rows else np.empty((0, COLUMNS), dtype=np.float32)
        return rows, self._last_s

    def flush(self) -> list[Apex]:
        """The stream ends: the face is taken to stay as it is."""
        if not self._rows:
            return []
        row = self._rows[-1]
        found = [self.push(self._last_s + 1 / RATE_HZ, row) for _ in range(FUTURE + Peaks.AFTER)]
        self.clear()
        return [apex for apex in found if apex is not None]
