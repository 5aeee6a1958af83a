"""The network in PyTorch: four dilated convolutions over how the rows change, forty-two rows at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.files import write_bytes
from engines.networks.onnx_file import onnx_content
from engines.spotting.detector import FUTURE, PAST, Odds, open_network
from engines.spotting.features import COLUMNS, MOTION, NOISE, POSE, SHAPE, UNLIKE, mirrored

PARITY: Final = 1e-4
_WIDTH, _KERNEL, _DILATIONS = 48, 5, (1, 2, 3, 4)
# Rows that one answer depends on: one more than changes.
SEES: Final = 2 + sum((_KERNEL - 1) * dilation for dilation in _DILATIONS)
_DROPOUT: Final = 0.1
# One row in fifty is an apex: the initial bias says so.
_FIRST_LOGIT: Final = -4.0
# Columns before `UNLIKE` change; by group, times this they are about one in a movement.
_SCALES: Final = (*(4.0,) * MOTION.stop, *(1.5,) * 6, *(8.0,) * 2, *(6.0,) * 5)
# The first convolution's middle row, counted from the first row of its window.
_MIDDLE: Final = (_KERNEL - 1) // 2 + 1
# Noise and unlikeness brought to about one.
_NOISE_SCALE, _NOISE_SHIFT, _UNLIKE_SCALE = 0.5, 0.8, 2.0

assert SEES == PAST + 1 + FUTURE, "the network sees other rows than the live detector shows it"
assert POSE.start == MOTION.stop and SHAPE.stop == UNLIKE.start == len(_SCALES)


class SpottingNetwork(nn.Module):
    """Rows (B, COLUMNS, T) to logit, rise, fall and shift (B, 4, T + 1 - SEES)."""

    def __init__(self) -> None:
        super().__init__()
        first, *others = _DILATIONS
        known = COLUMNS - UNLIKE.start
        self.change = nn.Conv1d(UNLIKE.start + MOTION.stop, _WIDTH, _KERNEL, dilation=first)
        self.with_noise = nn.Conv1d(_WIDTH + known, _WIDTH, _KERNEL, dilation=others[0])
        self.longer = nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, dilation=others[1])
        self.longest = nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, dilation=others[2])
        self.answer = nn.Conv1d(_WIDTH, 4, 1)
        self.dropout = nn.Dropout1d(_DROPOUT)
        self.scales: torch.Tensor
        self.register_buffer("scales", torch.tensor(_SCALES)[None, :, None], persistent=False)
        assert self.answer.bias is not None
        self.answer.bias.data = torch.tensor([_FIRST_LOGIT, 0.0, 0.0, 0.0])

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """See the class."""
        noise = torch.exp(rows[:, NOISE])
        change = rows[:, : UNLIKE.start, 1:] - rows[:, : UNLIKE.start, :-1]
        # Compressed, so that the jump of a slipped window stays bounded; motion also in units of its noise.
        seen = torch.cat(
            [
                torch.asinh(change * self.scales),
                torch.asinh(change[:, MOTION] / noise[:, :, 1:]),
            ],
            1,
        )
        hidden = nn.functional.silu(self.change(self.dropout(seen)))
        known = torch.cat(
            [
                rows[:, NOISE] * _NOISE_SCALE + _NOISE_SHIFT,
                rows[:, UNLIKE].clamp(0, 1) * _UNLIKE_SCALE,
            ],
            1,
        )[:, :, _MIDDLE : _MIDDLE + hidden.shape[2]]
        hidden = self.dropout(nn.functional.silu(self.with_noise(torch.cat([hidden, known], 1))))
        hidden = nn.functional.silu(self.longest(nn.functional.silu(self.longer(hidden))))
        answers: torch.Tensor = self.answer(hidden)
        return answers


class Committee(nn.Module):
    """The mean answer of several networks to windows (N, SEES, COLUMNS): (N, 4); what is exported."""

    def __init__(self, members: Sequence[SpottingNetwork]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """See the class."""
        across = rows.transpose(1, 2)
        return torch.stack([member(across)[:, :, 0] for member in self.members]).mean(0)


def padded(rows: NDArray[np.float32], after: int = FUTURE) -> NDArray[np.float32]:
    """Rows (T, COLUMNS) as the detector sees them: still before they begin and after they end."""
    return np.concatenate([np.repeat(rows[:1], PAST, axis=0), rows, np.repeat(rows[-1:], after, axis=0)])


def answers(
    members: Sequence[SpottingNetwork], rows: NDArray[np.float32], after: int = FUTURE
) -> NDArray[np.float32]:
    """Answers (T + after - FUTURE, 4) to rows (T, COLUMNS), mean over networks, the face and its mirror image."""
    both = torch.from_numpy(np.stack([padded(rows, after), padded(mirrored(rows), after)])).transpose(1, 2)
    with torch.no_grad():
        found = torch.stack([member(both).mean(0) for member in members]).mean(0)
    return np.asarray(found.T.numpy(), dtype=np.float32)


def export(members: Sequence[SpottingNetwork], odds: Odds, path: Path, check: NDArray[np.float32]) -> float:
    """Write the networks as one ONNX file that the live spotter opens; return its largest difference from PyTorch.

    ``check`` float32 (N, SEES, COLUMNS). The file is the old one or the whole new one. Raises ArithmeticError where
    any answer differs by more than `PARITY`, and writes nothing then; OSError where it cannot be written.
    """
    committee = Committee(members).eval()
    example = torch.from_numpy(check[:2])
    odds_text = msgspec.json.encode(odds).decode()
    content = onnx_content(committee, example, "rows", "answers", {"odds": odds_text})
    draft = path.with_name(f".{path.name}.draft")
    try:
        write_bytes(draft, content)
        # Not from the cache of networks: a draft of an earlier export may have had this name.
        opened = open_network.__wrapped__(draft)
        (given,) = opened.session.run(None, {"rows": check})
        with torch.no_grad():
            wanted = committee(torch.from_numpy(check)).numpy()
        difference = float(np.abs(given - wanted).max())
        if not difference <= PARITY:
            raise ArithmeticError(f"the exported network differs from PyTorch by {difference:.1e}")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return difference
