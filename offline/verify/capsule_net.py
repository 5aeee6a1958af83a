"""CapsuleNet (Van Quang et al., FG 2019): the predictions its authors published."""

from offline.datasets.flowmaps import FULL
from offline.datasets.registry import title_of
from offline.metrics import score
from offline.verify.check import Artefacts, Check, figures, skipped
from offline.verify.logs import read_log

# As paper 002 quotes them, table 9.
_PRINTED = {
    None: (0.6520, 0.6506),
    "casme2": (0.7068, 0.7018),
    "smic": (0.5820, 0.5877),
    "samm": (0.6209, 0.5989),
}


def predictions(artefacts: Artefacts) -> list[Check]:
    """UF1 and UAR of the log, whole and by database."""
    path = artefacts.folder / "capsulenet-result_log.csv"
    if not path.is_file():
        return [skipped("CapsuleNet, its predictions", path)]
    log, checks = read_log(path), []
    for dataset, (uf1, uar) in _PRINTED.items():
        truth, predicted = log.of(dataset)
        if not len(truth):
            continue
        scores = score(truth, predicted, 3)
        of = FULL[dataset].clips if dataset else sum(full.clips for full in FULL.values())
        why = f"{len(truth)} clips" + (f", not the {of} of the composite" if len(truth) != of else "")
        name = f"CapsuleNet, its predictions, {title_of(dataset) if dataset else 'all'}"
        checks.append(figures(name, {"UF1": uf1, "UAR": uar}, {"UF1": scores.uf1, "UAR": scores.uar}, why))
    return checks
