"""Figures that a paper's own table gives: they need no file."""

import numpy as np

from offline.metrics import scores_of
from offline.papers.paper_003 import TABLES
from offline.verify.check import Artefacts, Check, figures

# Happiness, disgust, repression, surprise, others: version 2 of CASME II's table, five classes.
_CLIPS = np.array([32, 63, 27, 28, 99])


def weighted_f1(_: Artefacts) -> list[Check]:
    """Paper 003's accuracy and F1 from its confusion matrix (table 5), which is in shares of each class."""
    (table,) = (table for table in TABLES if table.number == "5")
    shares = np.array([row.values for row in table.rows], np.float64)
    confusion = np.rint(shares * _CLIPS[:, None])
    acc, f1, macro = (float(scores_of(confusion, metric)) for metric in ("acc", "wf1", "uf1"))
    return [
        figures(
            "paper 003, table 5: accuracy and F1 of tables 2 to 4",
            {"accuracy": 0.5301, "F1": 0.5231},
            {"accuracy": acc, "F1": f1},
            f"F1 is weighted by the clips a class ({'/'.join(map(str, _CLIPS))}); unweighted it is {macro:.4f}",
        )
    ]
