"""A paper's tables, theirs and ours side by side, from whatever runs there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.errors import InputError
from offline import pages
from offline.metrics import bootstrap, by_subject
from offline.papers import PAPERS, Column, Row, Table, open_paper
from offline.papers.conditions import conditions, otherwise
from offline.tables import RunFolder, load_run, print_rows

RENDERED: Final = (
    "rendered: of faces drawn by apexcam in a database's layout, not of that database; nothing is to be read from it "
    "about the paper's figure"
)


@dataclass(frozen=True)
class _Cell:
    """What a paper states and what was measured here, in 0..1; None for neither. ``rendered``: on drawn faces, which
    says nothing of the paper's figure. ``otherwise``: how the run differs from the paper's, which fills no cell either.
    """

    published: float | None
    measured: float | None = None
    ci95: tuple[float, float] | None = None
    clips: int | None = None
    run: str | None = None
    rendered: bool = False
    otherwise: tuple[str, ...] = ()

    @property
    def difference(self) -> float | None:
        if self.published is None or self.measured is None or self.rendered or self.otherwise:
            return None
        return round(self.measured - self.published, 4)


def find_runs(paths: Sequence[Path]) -> list[RunFolder]:
    """The runs at these folders, or one or two levels below them. InputError for a folder without any."""
    found = []
    for path in paths:
        if (path / "results.json").exists() or not path.is_dir():
            found.append(load_run(path))
            continue
        below = sorted({*path.glob("*/results.json"), *path.glob("*/*/results.json")})
        runs = [each.parent for each in below if (each.parent / "predictions.csv").exists()]
        if not runs:
            raise InputError(f"{path} holds no finished run: give the --out folders of apexbench run")
        found += [load_run(each) for each in runs]
    return found


def fill(number: str, runs: Sequence[RunFolder]) -> dict[str, Any]:
    """A paper's tables with what the runs measured: every row of the paper is there, run or not.

    Where several runs fit a row, those of recorded faces come first, then the one of most seeds, the last of equals.
    A run that is not by the paper's recipe or measured otherwise (other epochs, weights, apex rule, flow) fills no
    cell: it stands there marked, its difference named. Raises InputError for an unknown paper.
    """
    return {
        "paper": number,
        "title": PAPERS.get(number, ""),
        "tables": [_fill_table(number, table, runs) for table in open_paper(number)],
    }


def _fill_table(number: str, table: Table, runs: Sequence[RunFolder]) -> dict[str, Any]:
    rows, notes = [], list(table.notes)
    for row in table.rows:
        cells = _cells(number, table.columns, row, runs)
        rows.append(
            {
                "method": row.title,
                "model": row.model,
                "status": _status(row, cells),
                "cells": [
                    {
                        "published": cell.published,
                        "measured": cell.measured,
                        "ci95": cell.ci95,
                        "difference": cell.difference,
                        "clips": cell.clips,
                        "run": cell.run,
                        "rendered": cell.rendered,
                        "otherwise": list(cell.otherwise),
                    }
                    for cell in cells
                ],
            }
        )
        notes += _counted_otherwise(table.columns, cells)
        notes += [RENDERED] * any(cell.rendered for cell in cells)
        notes += [
            f"{row.title}: {words}: not as the paper has it, so not its figure"
            for words in dict.fromkeys(", ".join(cell.otherwise) for cell in cells if cell.otherwise)
        ]
    return {
        "number": table.number,
        "title": table.title,
        "columns": [column.heading for column in table.columns],
        "rows": rows,
        "notes": list(dict.fromkeys(notes)),
    }


def _counted_otherwise(columns: Sequence[Column], cells: Sequence[_Cell]) -> list[str]:
    pairs = {
        (column.protocol, column.of if column.metric != "confusion" else "full", cell.clips, column.clips)
        for column, cell in zip(columns, cells, strict=True)
        if None not in (cell.clips, column.clips) and cell.clips != column.clips and not cell.rendered
    }
    return [
        f"{protocol}{'' if of == 'full' else f', {of}'}: {ours} clips here, {theirs} in the paper; differences are of "
        "methods and of data"
        for protocol, of, ours, theirs in sorted(pairs)
    ]


def _cells(number: str, columns: Sequence[Column], row: Row, runs: Sequence[RunFolder]) -> list[_Cell]:
    cells: list[_Cell] = []
    for column, published in zip(columns, row.values, strict=True):
        if column.protocol == "mean":
            cells.append(_mean(columns, cells, column.metric, published))
            continue
        run = _fitting(number, column, row, runs)
        cells.append(_Cell(published) if run is None else _measure(number, run, column, row, published))
    return cells


def _mean(columns: Sequence[Column], cells: Sequence[_Cell], metric: str, published: float | None) -> _Cell:
    """The mean over the columns that the paper's row has, once all of them are measured."""
    meant = [
        cell
        for column, cell in zip(columns, cells, strict=False)
        if column.metric == metric and cell.published is not None
    ]
    values = [cell.measured for cell in meant if cell.measured is not None]
    if not values or len(values) < len(meant):
        return _Cell(published)
    rendered = any(cell.rendered for cell in meant)
    otherwise = tuple(dict.fromkeys(words for cell in meant for words in cell.otherwise))
    return _Cell(published, round(float(np.mean(values)), 4), rendered=rendered, otherwise=otherwise)


def _fitting(number: str, column: Column, row: Row, runs: Sequence[RunFolder]) -> RunFolder | None:
    fitting = [
        run
        for run in runs
        if run.report["model"] == row.model
        and run.report["protocol"] == column.protocol
        and row.epochs in (None, run.report.get("epochs"))
        and (column.metric == "confusion" or column.of in run.report["metrics"])
    ]
    if not fitting:
        return None
    wanted = conditions(number, row, column)
    return max(
        reversed(fitting),
        key=lambda run: (not run.rendered, not otherwise(wanted, run.report), len(run.report["seeds"])),
    )


def _measure(number: str, run: RunFolder, column: Column, row: Row, published: float | None) -> _Cell:
    classes = run.report["classes"]
    if column.metric == "confusion" and not {row.title, column.of} <= set(classes):
        return _Cell(published)
    of = "full" if column.metric == "confusion" else column.of
    kept = np.array([of in ("full", dataset) for dataset, _, _ in run.clips])
    people = np.stack(
        [by_subject(run.labels[kept], said[kept], run.people[kept], len(classes)) for said in run.predicted]
    )
    pair = (classes.index(row.title), classes.index(column.of)) if column.metric == "confusion" else None
    value, low, high = bootstrap(people, column.metric, pair)
    interval = (round(low, 4), round(high, 4))
    here = (round(value, 4), interval, int(kept.sum()), str(run.path), run.rendered)
    return _Cell(published, *here, otherwise(conditions(number, row, column), run.report))


def _status(row: Row, cells: Sequence[_Cell]) -> str:
    if not row.model:
        return "no recogniser here"
    measured = sum(cell.measured is not None for cell in cells)
    if not measured:
        return "not run"
    words = "run" if measured == len(cells) else f"{measured} of {len(cells)} columns run"
    if any(cell.rendered for cell in cells):
        words += ", on rendered faces"
    return f"{words}, not as in the paper" if any(cell.otherwise for cell in cells) else words


# -- for people --------------------------------------------------------------------------------------------------------


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def print_paper(filled: dict[str, Any]) -> None:
    """The tables for the terminal: a line for every score measured here, then one for every method that was not run."""
    columns = ("method", "score", "paper", "here", "95 % interval", "difference")
    print(f"paper {filled['paper']}: {filled['title']}")
    for table in filled["tables"]:
        lines, others = [], []
        for row in table["rows"]:
            cells = list(zip(table["columns"], row["cells"], strict=True))
            measured = [(heading, cell) for heading, cell in cells if cell["measured"] is not None]
            for heading, cell in measured:
                ci, difference = cell["ci95"], cell["difference"]
                values = (
                    row["method"],
                    heading,
                    _number(cell["published"]),
                    _number(cell["measured"]) + "".join(f" {mark}" for mark in _marks(cell)),
                    "" if ci is None else f"{ci[0]:.3f} to {ci[1]:.3f}",
                    "" if difference is None else f"{difference:+.4f}",
                )
                lines.append(dict(zip(columns, values, strict=True)))
            if not measured:
                others.append(row)
        print(f"\ntable {table['number']}: {table['title']}")
        if lines:
            print_rows("", columns, lines)
        if others:
            print(f"not run here; the paper's {', '.join(table['columns'])}:")
        width = max((len(row["method"]) for row in others), default=0)
        for row in others:
            theirs = " ".join(_number(cell["published"]).ljust(6) for cell in row["cells"])
            print(f"{row['method']:<{width}}  {theirs}  {row['status']}")
        for note in table["notes"]:
            print(f"note: {note}")


def _marks(cell: dict[str, Any]) -> list[str]:
    """Why a measured figure is not to be set beside the paper's."""
    return ["rendered"] * cell["rendered"] + ["otherwise"] * bool(cell["otherwise"])


def _shown(cell: dict[str, Any]) -> list[str]:
    """A cell's lines: the paper's figure, then ours with its interval and the difference."""
    lines = [_number(cell["published"])]
    if cell["measured"] is not None:
        ci = "" if cell["ci95"] is None else " ({:.3f} to {:.3f})".format(*cell["ci95"])
        difference = "" if cell["difference"] is None else f", {cell['difference']:+.4f}"
        ours = ", ".join(_marks(cell)) or "ours"
        lines.append(f"{ours} {_number(cell['measured'])}{ci}{difference}")
    return lines


def markdown(filled: dict[str, Any]) -> str:
    """The tables as Markdown, laid out as the paper's: in each cell theirs, below it ours."""
    lines = [f"# Paper {filled['paper']}: {filled['title']}"]
    for table in filled["tables"]:
        heads = ["method", *table["columns"], "here"]
        lines += ["", f"## Table {table['number']}: {table['title']}", ""]
        lines += ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
        for row in table["rows"]:
            cells = ["<br>".join(_shown(cell)) for cell in row["cells"]]
            lines.append("| " + " | ".join([row["method"], *cells, row["status"]]) + " |")
        lines += [""] * bool(table["notes"]) + [f"- {note}" for note in table["notes"]]
    return "\n".join(lines) + "\n"


def page(filled: dict[str, Any]) -> str:
    """The tables as one HTML page that needs nothing beside itself."""
    title = f"Paper {filled['paper']}: {filled['title']}"
    parts = [
        f"<h1>{pages.escaped(title)}</h1>",
        '<p class="soft">The paper\'s figures, and ours with their 95 % intervals.</p>',
    ]
    for table in filled["tables"]:
        heads = "".join(f"<th>{pages.escaped(head)}</th>" for head in ("method", *table["columns"], "here"))
        rows = "".join(
            f"<tr><td>{pages.escaped(row['method'])}</td>"
            + "".join(f"<td>{'<br>'.join(_shown(cell))}</td>" for cell in row["cells"])
            + f"<td>{pages.escaped(row['status'])}</td></tr>"
            for row in table["rows"]
        )
        parts += [
            f"<h2>Table {table['number']}: {pages.escaped(table['title'])}</h2>",
            f'<div class="scroll"><table><tr>{heads}</tr>{rows}</table></div>',
            *(f'<p class="note">{pages.escaped(note)}</p>' for note in table["notes"]),
        ]
    return pages.page(title, parts)
