"""STSTNet (Liong et al., FG 2019): the networks its authors released, and the run of their paper."""

import re
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engines.errors import InputError
from engines.networks.ststnet import PlainSTSTNet
from engines.networks.weights import read_state
from offline.datasets.flowmaps import load_flowmaps
from offline.datasets.registry import title_of
from offline.metrics import score
from offline.verify.check import Artefacts, Check, figures, skipped
from offline.verify.logs import DATASETS, read_log, text_of

# Subject to (predicted, truth), clips in the order of the log.
Subjects = dict[str, tuple[list[int], list[int]]]
_OWN = {
    **{f"conv{n}": f"convolutions.{n - 1}" for n in (1, 2, 3)},
    **{f"bn{n}": f"norms.{n - 1}" for n in (1, 2, 3)},
}


def released_networks(artefacts: Artefacts) -> list[Check]:
    """The released networks' predictions of the people they have not seen, one by one."""
    name, whole = (
        "STSTNet, released networks, by subject",
        "STSTNet, released networks, all 68 subjects of the log",
    )
    folder = artefacts.folder / "ststnet"
    path = folder / "STSTNet_python_logfile.txt"
    if not path.is_file():
        return [skipped(name, path), skipped(whole, path)]
    log = _subjects(path)
    predicted, truth = _joined(log)
    scores = score(truth, predicted, 3)
    checks = [
        figures(
            whole,
            {"UF1": 0.7209, "UAR": 0.7250},
            {"UF1": scores.uf1, "UAR": scores.uar},
            "of its predictions",
        )
    ]
    weights = sorted((folder / "weights").glob("*.pth"))
    if not weights:
        return [skipped(name, folder / "weights"), *checks]
    if artefacts.flowmaps is None:
        return [skipped(name, "the folder of flow maps (--flowmaps DIR)"), *checks]
    return [*_by_subject(name, weights, artefacts.flowmaps, log), *checks]


def _by_subject(name: str, weights: list[Path], flowmaps: Path, log: Subjects) -> list[Check]:
    samples = load_flowmaps(flowmaps)
    equal, wrong, ours = 0, [], {}
    for path in weights:
        mine = np.asarray(samples.subjects) == path.stem
        if path.stem not in log or not mine.any():
            wrong.append(f"{path.stem} is not in the {'flow maps' if path.stem in log else 'log'}")
            continue
        # The authors' loader goes class by class, and turns the picture's channels round.
        order = np.argsort(samples.labels[mine], kind="stable")
        maps = torch.from_numpy(samples.maps[mine][order][:, ::-1].copy())
        with torch.inference_mode():
            predicted = _network(path)(maps).argmax(1).tolist()
        ours[path.stem] = (predicted, samples.labels[mine][order].tolist())
        equal += ours[path.stem] == log[path.stem]
        if ours[path.stem] != log[path.stem]:
            wrong.append(f"{path.stem}: {predicted}, in the log {log[path.stem][0]}")
    said = "the 40 released networks, each on its own subject" if not wrong else "; ".join(wrong)
    checks = [
        Check(
            name,
            f"{len(weights)} of {len(weights)}",
            f"{equal} of {len(weights)}",
            equal == len(weights),
            said,
        )
    ]
    if ours:
        theirs = _scores({subject: log[subject] for subject in ours})
        checks.append(
            figures(
                f"STSTNet, released networks, {len(ours)} subjects", theirs, _scores(ours), "log and ours"
            )
        )
    return checks


def _scores(subjects: Subjects) -> dict[str, float]:
    predicted, truth = _joined(subjects)
    scores = score(truth, predicted, 3)
    return {"UF1": round(scores.uf1, 4), "UAR": round(scores.uar, 4)}


def _joined(subjects: Subjects) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    predicted, truth = (np.concatenate([each[i] for each in subjects.values()]) for i in (0, 1))
    return predicted, truth


def _network(path: Path) -> PlainSTSTNet:
    state = {}
    for key, tensor in read_state(path).items():
        layer, _, parameter = key.partition(".")
        state[f"{_OWN.get(layer, layer)}.{parameter}"] = tensor
    network = PlainSTSTNet(3).eval()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path} is no released STSTNet: {str(error).splitlines()[-1].strip()}") from None
    return network


def _subjects(path: Path) -> Subjects:
    blocks = re.findall(
        r"Subject: *(\S+)\s+Predicted *: *(\[[012, ]*\])\s+Ground Truth: *(\[[012, ]*\])", text_of(path)
    )
    if not blocks:
        raise InputError(f"{path} holds no predictions; copy it again")
    found = {subject: (_numbers(predicted), _numbers(truth)) for subject, predicted, truth in blocks}
    uneven = [subject for subject, (predicted, truth) in found.items() if len(predicted) != len(truth)]
    if uneven:
        raise InputError(f"{path}: {uneven[0]} has more predictions than labels, or fewer; copy it again")
    return found


def _numbers(listed: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", listed)]


# As printed: UF1, UAR of all and of each database (STSTNet, table II).
_PRINTED = {
    None: (0.7353, 0.7605),
    "casme2": (0.8382, 0.8686),
    "smic": (0.6801, 0.7013),
    "samm": (0.6588, 0.6810),
}


def paper_run(artefacts: Artefacts) -> list[Check]:
    """The log of the paper's own run: its UF1, and what its printed UAR is."""
    path = artefacts.folder / "ststnet" / "STSTNet_logfile.txt"
    names = {dataset: title_of(dataset) if dataset else "all" for dataset in (None, *DATASETS)}
    if not path.is_file():
        return [skipped("STSTNet, the run of its paper", path)]
    log, checks = read_log(path), []
    for dataset, (uf1, uar) in _PRINTED.items():
        truth, predicted = log.of(dataset)
        if not len(truth):
            continue
        right, exchanged = score(truth, predicted, 3), score(predicted, truth, 3)
        checks += [
            figures(
                f"STSTNet, the run of its paper, {names[dataset]}: UF1", {"UF1": uf1}, {"UF1": right.uf1}, ""
            ),
            figures(
                f"STSTNet, the run of its paper, {names[dataset]}: printed UAR",
                {"UAR": uar},
                {"UAR": exchanged.uar},
                f"only with truth and prediction exchanged: it is mean precision; the mean recall is {right.uar:.4f}",
            ),
        ]
    return checks
