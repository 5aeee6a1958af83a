"""Results as tables: one run for the terminal, many runs merged into the papers' table."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from offline.datasets.registry import title_of as title_of_dataset
from offline.metrics import compare
from offline.published import SETS, composite_rows

RENDERED: Final = (
    "rows on rendered data are of faces drawn by apexcam in a database's layout, not of that database"
)


def title_of(dataset: str, rendered: Sequence[str] = ()) -> str:
    """A set of clips by the name people use; a database in ``rendered`` is not called by the recorded one's."""
    title = "all clips" if dataset == "full" else title_of_dataset(dataset)
    return f"rendered as {title}" if dataset in rendered else title


def print_rows(title: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Any list of rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == columns[0])
    for row in rows:
        table.add_row(*("" if row.get(column) is None else str(row[column]) for column in columns))
    Console().print(table)


def print_run(report: dict[str, Any]) -> None:
    """One run: scores by database, the paper's beside them, and what an audit found."""
    rows, rendered = [], report.get("rendered", ())
    for name, row in report["metrics"].items():
        paper = report.get("paper", {}).get(name, {})
        rows.append(
            {
                "clips": f"{title_of(name, rendered)} ({row['n_samples']})",
                "acc": f"{row['acc']:.3f}",
                "F1": f"{row['f1']:.3f}",
                "UF1": f"{row['uf1']:.4f}",
                "95 % interval": "{:.3f} to {:.3f}".format(*row["uf1_ci95"]),
                "UAR": f"{row['uar']:.4f}",
                "paper UF1": f"{paper['uf1']:.4f}" if paper else "",
                "UAR ": f"{paper['uar']:.4f}" if paper else "",
            }
        )
    faces = ", rendered faces" if rendered else ""
    title = f"{report['model']} under {report['protocol']}{faces}, {report['scoring']}"
    print_rows(title, tuple(column for column in rows[0] if any(row[column] for row in rows)), rows)
    if "audit" in report:
        print(audit_sentence(report))
    for note in report["notes"]:
        print(f"note: {note}")


def audit_sentence(report: dict[str, Any]) -> str:
    """What choosing the epoch on the scored subjects would have claimed, in words."""
    audit, honest = report["audit"], report["metrics"]["full"]
    return (
        f"Audit: choosing the epoch on each scored fold would have claimed UF1 {audit['uf1_best_epoch']:.4f} "
        f"({audit['uf1_inflation']:+.4f}) and UAR {audit['uar_best_epoch']:.4f} ({audit['uar_inflation']:+.4f}); "
        f"honest are {honest['uf1']:.4f} and {honest['uar']:.4f}"
    )


@dataclass(frozen=True)
class RunFolder:
    """A finished run: its results, and its predictions (seeds, N) of clips named in ``clips``."""

    path: Path
    report: dict[str, Any]
    clips: tuple[tuple[str, str, str], ...]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def rendered(self) -> bool:
        """Whether drawn faces are among what it was trained or scored on."""
        return bool(self.report.get("rendered"))

    @property
    def people(self) -> NDArray[Any]:
        """Str (N,): dataset/subject."""
        return np.array([f"{dataset}/{subject}" for dataset, subject, _ in self.clips])


def load_run(path: Path) -> RunFolder:
    """A run's folder. InputError when its results are missing or damaged."""
    try:
        report = json.loads((path / "results.json").read_text())
        with (path / "predictions.csv").open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        classes = {word: i for i, word in enumerate(report["classes"])}
        rounds: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in rows:
            rounds.setdefault((row["seed"], row.get("training", "1")), []).append(row)
        first = next(iter(rounds.values()))
        if {seed for seed, _ in rounds} != {str(seed) for seed in report["seeds"]}:
            raise ValueError("other seeds in predictions.csv than in results.json")
        clips = tuple((row["dataset"], row["subject"], row["clip"]) for row in first)
        predicted = np.array(
            [[classes[row["predicted"]] for row in each] for each in rounds.values()], np.int64
        )
        labels = np.array([classes[row["label"]] for row in first], np.int64)
    except FileNotFoundError as error:
        raise InputError(f"{path} is not a finished run: {Path(error.filename).name} is missing") from None
    except (KeyError, ValueError, IndexError, OSError) as error:
        raise InputError(
            f"{path}: its results cannot be read ({type(error).__name__}: {error}); run it again"
        ) from None
    return RunFolder(path, report, clips, labels, predicted)


def merge(runs: list[RunFolder], only_published: bool = False) -> list[dict[str, Any]]:
    """The papers' table: one row a run, measured and published UF1 and UAR of every set of clips.

    Raises InputError when the runs are not of one protocol.
    """
    protocols = {run.report["protocol"] for run in runs}
    if len(protocols) > 1:
        raise InputError(
            f"the runs are of different protocols ({', '.join(sorted(protocols))}): merge one at a time"
        )
    rows, drawn = [], any(run.rendered for run in runs)
    for run in runs:
        report = run.report
        row: dict[str, Any] = {
            "model": report["model"],
            "seeds": len(report["seeds"]),
            "clips": report["n_samples"],
        }
        if drawn:
            row["data"] = "rendered" if run.rendered else "recorded"
        for name in SETS:
            measured, paper = report["metrics"].get(name), report.get("paper", {}).get(name)
            if measured:
                row |= {f"{name}_{key}": measured[key] for key in ("uf1", "uar", "uf1_ci95")}
            if paper:
                row |= {f"{name}_paper_{key}": paper[key] for key in ("uf1", "uar")}
        if "audit" in report:
            row["uf1_best_epoch"] = report["audit"]["uf1_best_epoch"]
            row["uf1_inflation"] = report["audit"]["uf1_inflation"]
        rows.append(row)
    if only_published and protocols == {"cde"}:
        for method, paper_row in composite_rows({run.report["model"] for run in runs}):
            rows.append(
                ({"model": method, "seeds": 0, "clips": 442} | ({"data": "published"} if drawn else {}))
                | {f"{n}_paper_{key}": value for n, pair in paper_row.items() for key, value in pair.items()}
            )
    return rows


def comparisons(runs: list[RunFolder]) -> list[dict[str, Any]]:
    """Paired tests of every two runs over the clips both scored, first seed against first seed."""
    rows = []
    for a, b in combinations(runs, 2):
        if a.clips != b.clips or not np.array_equal(a.labels, b.labels):
            continue
        result = compare(a.labels, a.predicted[0], b.predicted[0], a.people, len(a.report["classes"]))
        rows.append(
            {
                "first": a.report["model"],
                "second": b.report["model"],
                "uf1_difference": round(result.difference, 4),
                "ci95": [round(bound, 4) for bound in result.ci95],
                "p_permutation": round(result.p_permutation, 4),
                "p_mcnemar": round(result.p_mcnemar, 4),
            }
        )
    return rows


def columns_of(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(key, heading) of the merged table's columns that any row fills."""
    columns = [("model", "model"), ("data", "data"), ("clips", "clips"), ("seeds", "seeds")]
    for name in SETS:
        for key in ("uf1", "uar"):
            columns += [
                (f"{name}_{key}", f"{title_of(name)} {key.upper()}"),
                (f"{name}_paper_{key}", "paper"),
            ]
    columns += [("uf1_best_epoch", "UF1, epoch chosen on test"), ("uf1_inflation", "inflation")]
    return [(key, heading) for key, heading in columns if any(key in row for row in rows)]


def cell(row: dict[str, Any], key: str) -> str:
    """One cell, with the interval of the full set's UF1."""
    value = row.get(key)
    if value is None:
        return "-"
    if key == "full_uf1":
        return "{:.4f} ({:.3f} to {:.3f})".format(value, *row["full_uf1_ci95"])
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    drawn = any(row.get("data") == "rendered" for row in rows)
    return [f"{RENDERED}: no figures of a paper are set beside them"] if drawn else []


def print_merged(rows: list[dict[str, Any]], tests: list[dict[str, Any]]) -> None:
    """The merged table and the paired tests for the terminal: a line for every set of clips of a run."""
    lines = [line for row in rows for line in _lines(row)]
    filled = (column for column in lines[0] if any(line[column] for line in lines))
    print_rows("measured, and published beside it", tuple(filled), lines)
    for note in _notes(rows):
        print(f"note: {note}")
    if tests:
        shown = [
            {
                "paired, same clips": f"{test['first']} - {test['second']}",
                "UF1": f"{test['uf1_difference']:+.3f}",
                "95 %": "{:+.3f} to {:+.3f}".format(*test["ci95"]),
                "p permuted": f"{test['p_permutation']:.3f}",
                "p McNemar": f"{test['p_mcnemar']:.3f}",
            }
            for test in tests
        ]
        print_rows("", tuple(shown[0]), shown)


def _lines(row: dict[str, Any]) -> list[dict[str, str]]:
    """A row of the merged table as lines of the same columns, "" where it has nothing."""
    lines: list[dict[str, str]] = []
    which = "rendered" if row.get("data") == "rendered" else "all"
    for name in SETS:
        full = name == "full"
        shown = {
            "UF1": f"{name}_uf1",
            "paper": f"{name}_paper_uf1",
            "UAR": f"{name}_uar",
            "paper ": f"{name}_paper_uar",  # told apart by the space
            "chosen on test": "uf1_best_epoch" if full else "",
            "inflation": "uf1_inflation" if full else "",
        }
        figures = {heading: f"{row[key]:.4f}" if key in row else "" for heading, key in shown.items()}
        if any(figures.values()):
            first = not lines
            interval = row.get(f"{name}_uf1_ci95")
            lines.append(
                {
                    "model": row["model"] if first else "",
                    "seeds": str(row["seeds"] or "") if first else "",
                    "clips": f"{which} {row['clips']}" if full else title_of(name),
                    "UF1": figures.pop("UF1"),
                    "95 %": "{:.3f}-{:.3f}".format(*interval) if interval else "",
                }
                | figures
            )
    return lines


def markdown(rows: list[dict[str, Any]], tests: list[dict[str, Any]]) -> str:
    """The merged table and the paired tests as Markdown."""
    columns = columns_of(rows)
    lines = ["| " + " | ".join(heading for _, heading in columns) + " |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(cell(row, key) for key, _ in columns) + " |" for row in rows]
    lines += [line for note in _notes(rows) for line in ("", note)]
    if tests:
        lines += [
            "",
            "| pair | UF1 difference | 95 % interval | p (permutation) | p (McNemar) |",
            "|---|---|---|---|---|",
        ]
        lines += [
            "| {first} − {second} | {uf1_difference:+.4f} | {ci95[0]:+.3f} to {ci95[1]:+.3f} | {p_permutation:.3f} | "
            "{p_mcnemar:.3f} |".format(**test)
            for test in tests
        ]
    return "\n".join(lines) + "\n"
