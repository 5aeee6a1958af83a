"""The model card that goes with every exported network."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from offline.datasets.samples import Samples
from offline.release.onnx_file import Exported
from offline.runs.plan import Plan
from offline.tables import title_of

_DATA = """The maps are TV-L1 optical flow between onset and apex of face crops, with optical strain, shrunk to
28x28 and stretched to 0..255 for each image and channel, so that neither the size nor the zero of a
motion is left: the network sees where and in what proportion the skin moved, not how far. They were
made and published by researchers of the field (STSTNet, FG 2019, and works after it) from the
databases CASME II, SMIC-HS and SAMM: mostly young adults, recorded in a laboratory, holding back
their expression while watching film clips. "Negative" in CASME II is disgust and repression."""

_LICENCE = """CASME II, SMIC and SAMM are given out by their owners for research under signed agreements, and the
derived maps carry no licence of their own. These weights are learnt from them. Whoever wants to use
them for more than research should ask the owners, or train on data of their own with `apexbench
train`."""

_LIMITS = (
    "**It is not a lie detector and does not read emotions.** It says which of three groups of "
    "facial movements a short movement resembles most. Why the face moved so, and whether anything "
    "was felt, it cannot know.",
    "It knows three classes and must choose one: an ordinary expression, speech or a blink handed to "
    "it is named too. Keeping those away is the spotter's work; the abstention threshold helps with "
    "the rest.",
    "Classes overlap in the face itself: a raised upper lip (AU 9, 10) and a smile look alike once "
    "their size is lost, and are taken for each other.",
    "Probabilities are calibrated on the benchmark's people and its mix of classes. On other "
    "cameras, faces and occasions they are an ordering more than a frequency.",
    "The databases are small and narrow in age, origin and setting. Scores for other groups are "
    "unknown; nobody should be judged by them.",
)


@dataclass(frozen=True)
class Validation:
    """What cross-validation found: the run's results, and the calibration of held-out probabilities, before
    and after.
    """

    report: dict[str, Any]
    temperature: float
    log_loss: tuple[float, float]
    calibration_error: tuple[float, float]


def card(
    samples: Samples, plan: Plan, exported: Exported, validation: Validation | None, notes: str = ""
) -> str:
    """The card in Markdown."""
    counts = Counter(samples.datasets.tolist())
    data = " and ".join(
        f"{count} clips of {title_of(name)} ({len(set(samples.subjects[samples.datasets == name]))} people)"
        for name, count in counts.items()
    )
    by_class = ", ".join(
        f"{word} {count}"
        for word, count in zip(
            samples.classes,
            [int((samples.labels == i).sum()) for i in range(len(samples.classes))],
            strict=True,
        )
    )
    parts = [
        f"# {exported.path.name}: model card",
        f"{plan.entry.title}. {plan.entry.source}.",
        "| | |\n|---|---|\n"
        "| input | `maps`, float32 (N, 3, 28, 28) in 0..1: u, v, optical strain, each stretched to its own range |\n"
        f"| output | `probabilities`, float32 (N, {len(samples.classes)}): {', '.join(samples.classes)} |\n"
        f"| size | {exported.size / 1000:.0f} kB |\n"
        f"| SHA-256 | `{exported.sha256}` |\n"
        f"| difference from PyTorch | at most {exported.max_abs_diff:.1e} over the training maps |",
        f"## Data\n\n{data}; {by_class}."
        + "".join(f" ({note[0].upper() + note[1:]}.)" for note in samples.notes),
        _DATA,
        "## How well it does on people it has not seen",
        _measured(samples, plan, validation),
        "## Licence of the data\n\n" + _LICENCE,
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _LIMITS),
    ]
    if notes.strip():
        parts.append(notes.strip())
    return "\n\n".join(parts) + "\n"


def _measured(samples: Samples, plan: Plan, validation: Validation | None) -> str:
    if validation is None:
        return "Not measured: it was exported without cross-validation. Do not quote a figure for it."
    report = validation.report
    head = "| clips | accuracy | UF1 | 95 % interval | UAR |\n|---|---|---|---|---|\n"
    rows = "\n".join(
        f"| {title_of(name)} ({m['n_samples']}) | {m['acc']:.3f} | {m['uf1']:.3f} | {m['uf1_ci95'][0]:.3f} to "
        f"{m['uf1_ci95'][1]:.3f} | {m['uar']:.3f} |"
        for name, m in report["metrics"].items()
    )
    confusion = report["metrics"]["full"]["confusion"]
    matrix = (
        "| labelled | "
        + " | ".join(f"taken for {word}" for word in samples.classes)
        + " |\n"
        + "|---" * (len(samples.classes) + 1)
        + "|\n"
        + "\n".join(
            f"| {word} | {' | '.join(map(str, row))} |"
            for word, row in zip(samples.classes, confusion, strict=True)
        )
    )
    before, after = validation.log_loss
    off_before, off_after = validation.calibration_error
    return (
        f"{plan.protocol.title.capitalize()} ({plan.protocol.name}): {report['n_samples']} clips of "
        f"{report['n_subjects']} people, each predicted by networks that had not seen this person, trained exactly as "
        "the exported one. Scored at the last epoch; no epoch, seed or threshold is chosen on the scored people. "
        f"Intervals are of a bootstrap over people.\n\n{head}{rows}\n\n{matrix}\n\n"
        f"Calibration of held-out probabilities: temperature {validation.temperature:.2f} (built into the graph), log "
        f"loss {before:.3f} to {after:.3f}, expected calibration error {off_before:.3f} to {off_after:.3f}. The "
        "temperature is one number fitted on these same held-out predictions."
    )
