"""What the papers state of a recogniser under a protocol, to stand beside one run."""

from collections.abc import Iterator
from typing import Any, Final

from offline.papers import Row, Table, open_paper

# Clips of the composite and the holdout protocol.
PUBLISHED_ON: Final = 442
SETS: Final = ("full", "smic", "casme2", "samm")
# Whose rows the merged table is completed with, and what a recogniser's other form is published as.
_COMPOSITE: Final = ("002", "2")
_SAME: Final = {"ststnet-plain": "ststnet"}
_ELSEWHERE: Final = {
    ("rcn", "cde"): {
        "source": "Xia et al., TIP 2020, as cited by later work",
        "full": {"uf1": 0.7432, "uar": 0.7190},
    }
}


def _scores(table: Table, row: Row, protocol: str) -> dict[str, dict[str, float]]:
    """A row's UF1 and UAR under a protocol as ``{"full": {"uf1": ..., "uar": ...}, ...}``, sets that have both."""
    found: dict[str, dict[str, float]] = {}
    for column, value in zip(table.columns, row.values, strict=True):
        if column.protocol == protocol and column.metric in ("uf1", "uar") and value is not None:
            found.setdefault(column.of, {})[column.metric] = value
    return {name: pair for name, pair in found.items() if len(pair) == 2}


def published(model: str, protocol: str) -> dict[str, Any] | None:
    """The papers' fullest row for a recogniser under a protocol, with its source; None where there is none."""
    best = _ELSEWHERE.get((model, protocol))
    name = _SAME.get(model, model)
    for number in ("002", "001"):
        for table in open_paper(number):
            for row in table.rows:
                found = _scores(table, row, protocol) if row.model == name else {}
                if found and (best is None or len(found) + 1 > len(best)):
                    source = f"paper {number}, table {table.number} ({PUBLISHED_ON} clips; scored as its authors did)"
                    best = {"source": source, **found}
    return best


def composite_rows(without: set[str]) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Method and scores of the rows of paper 002, table 2, but those of recognisers in ``without``."""
    number, table_number = _COMPOSITE
    (table,) = (table for table in open_paper(number) if table.number == table_number)
    for row in table.rows:
        if not row.model or row.model not in without:
            yield row.title, _scores(table, row, "cde")


def difference(metrics: dict[str, Any], paper: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Measured minus published, for every set of clips and score that both have."""
    return {
        name: {key: round(metrics[name][key] - value, 4) for key, value in row.items()}
        for name, row in paper.items()
        if name in metrics
    }
