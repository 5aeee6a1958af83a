"""A recogniser trained on everything there is, as an ONNX file with the figures it earned on people it had
not seen.
"""

import csv
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from engines.errors import InputError
from engines.files import write_bytes
from engines.networks.onnx_file import Probabilities
from engines.networks.ststnet import MergedSTSTNet, STSTNet
from offline.datasets.samples import Samples
from offline.progress import Progress
from offline.release.calibration import calibration_error, fit_temperature, log_loss
from offline.release.model_card import Validation, card
from offline.release.onnx_file import Exported, export
from offline.runs import run
from offline.runs.plan import Plan
from offline.training.loop import softmax
from offline.training.network import NetworkRecogniser


@dataclass(frozen=True)
class Release:
    """A written model: the exported file, its card and its validation (None when it was skipped)."""

    exported: Exported
    card: Path
    validation: Validation | None


def release(
    samples: Samples,
    plan: Plan,
    out: Path,
    *,
    name: str | None = None,
    validate: bool = True,
    work: Path | None = None,
    notes: str = "",
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Release:
    """Cross-validate, train on every clip, calibrate, export to ``out`` and write the card beside it.

    ``plan`` says the protocol that validates; its run is kept in ``work`` when that is given, and goes on
    from there. ``notes`` is Markdown appended to the card. Raises InputError for a recogniser that is no
    network of flow maps or a folder that cannot be written, ArithmeticError when the exported file does not
    compute what PyTorch does.
    """
    recogniser = plan.entry.make(len(samples.classes), replace(plan.training, seed=plan.seeds[0]))
    if not isinstance(recogniser, NetworkRecogniser):
        raise InputError(f"{plan.entry.name} is not a network and cannot be exported: choose another --model")
    if plan.entry.input != "flow-map":
        raise InputError(
            f"{plan.entry.name} reads {plan.entry.input}, the live side has flow maps: choose another --model"
        )
    if not out.parent.is_dir():
        raise InputError(f"{out.parent} is not a folder: make it, or choose another --out")
    validation = _validate(samples, plan, work, progress) if validate else None
    say(f"training on all {len(samples)} clips")
    recogniser.fit(samples.maps, samples.labels, samples.people)
    temperature = validation.temperature if validation else 1.0
    networks = [network.cpu() for network in recogniser.networks_]
    reference = Probabilities(networks, temperature)
    exported = export(
        Probabilities(_merged(networks), temperature),
        out,
        name=name or out.stem,
        classes=samples.classes,
        check=samples.maps,
        reference=reference,
    )
    beside = out.with_suffix(".md")
    write_bytes(beside, card(samples, plan, exported, validation, notes).encode())
    return Release(exported, beside, validation)


def _merged(networks: list[nn.Module]) -> list[nn.Module]:
    members = [network for network in networks if isinstance(network, STSTNet)]
    return [MergedSTSTNet(members)] if len(members) == len(networks) else networks


def _validate(samples: Samples, plan: Plan, work: Path | None, progress: Progress | None) -> Validation:
    if work is not None:
        report = run(samples, plan, work, progress)
        return _calibrate(samples, report, work / "predictions.csv")
    with tempfile.TemporaryDirectory() as folder:
        report = run(samples, plan, Path(folder), progress)
        return _calibrate(samples, report, Path(folder) / "predictions.csv")


def _calibrate(samples: Samples, report: dict[str, Any], predictions: Path) -> Validation:
    with predictions.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["seed"] == str(report["seeds"][0])]
    probabilities = np.array([[float(row[word]) for word in samples.classes] for row in rows])
    labels = np.array([samples.classes.index(row["label"]) for row in rows], np.int64)
    logits: NDArray[Any] = np.log(np.maximum(probabilities, 1e-6))
    temperature = fit_temperature(logits, labels)
    calibrated = softmax((logits / temperature).astype(np.float32))
    return Validation(
        report,
        temperature,
        (log_loss(logits, labels), log_loss(logits, labels, temperature)),
        (calibration_error(probabilities, labels), calibration_error(calibrated, labels)),
    )
