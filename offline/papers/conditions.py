"""What a run must have followed to fill a paper's cell: the command for it, and how another run differs, in words."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engines.networks.recipes import Recipe
from offline.datasets.registry import whose_people
from offline.inputs import INPUTS
from offline.papers import MEASURED, Column, Row, open_paper
from offline.preparation.settings import Preparation
from offline.protocols import open_protocol
from offline.recognisers import Entry, open_recogniser
from offline.training.options import Training

_UNKNOWN: Final = "of no known version"


@dataclass(frozen=True)
class Conditions:
    """Of a row's run under a column's protocol: ``recipe`` by name and as it is, None where nothing is trained by one;
    ``epochs``, ``how`` the clips are measured.
    """

    entry: Entry
    protocol: str
    name: str
    recipe: Recipe | None
    epochs: int | None
    how: Preparation


def conditions(paper: str, row: Row, column: Column) -> Conditions:
    """What the row asks for: the paper's recipe where there is one, else its authors', else ours."""
    entry = open_recogniser(row.model)
    published = entry.network.published if entry.network else {}
    name = next((each for each in ("paper", "authors") if each in published), "ours")
    recipe = entry.recipe(Training(recipe=name, protocol=column.protocol))
    # A network is measured as its own paper does, whichever paper's table it stands in.
    how = MEASURED[paper] if recipe is None or name == "ours" else Preparation(recipe.apex, recipe.flow)
    epochs = row.epochs or (entry.epochs if recipe is None else recipe.epochs)
    return Conditions(entry, column.protocol, name, recipe, epochs, how)


def otherwise(wanted: Conditions, report: Mapping[str, Any]) -> tuple[str, ...]:
    """How a run, by its results.json, differs from what a cell asks for; empty where it does not."""
    return (*_trained(wanted, report), *_measured(wanted, report.get("measured") or {}))


def _trained(wanted: Conditions, report: Mapping[str, Any]) -> list[str]:
    training, ran, words = report.get("training", {}), report.get("epochs"), []
    if ran is not None and wanted.epochs is not None and ran != wanted.epochs:
        words.append(f"{ran} epochs, not {wanted.epochs}")
    if wanted.recipe is not None:
        # Runs of before recipes had names were trained by ours.
        ours = wanted.entry.recipe(Training(protocol=wanted.protocol))
        followed = {**(ours.settings() if ours else {}), **training}
        words += [
            f"{key.replace('_', ' ')} {_shown(followed.get(key))}, not {_shown(value)}"
            for key, value in wanted.recipe.settings().items()
            if key != "epochs" and followed.get(key) != value
        ]
        if wanted.recipe.pretrained and not training.get("weights"):
            words.append(f"not begun on weights of {wanted.recipe.pretrained}")
    begun = wanted.entry.needs_weights or (wanted.recipe is not None and wanted.recipe.pretrained)
    if training.get("weights") and not begun:
        words.append("begun on pretrained weights")
    if training.get("precision"):
        words.append(f"trained in {training['precision']}")
    return words


def _measured(wanted: Conditions, measured: Mapping[str, Any]) -> list[str]:
    if not measured:
        return ["what it measured is not recorded: run its command again, finished folds are kept"]
    if measured.get("released"):
        return []
    words = []
    rule, preset, alpha = wanted.how.apex, f"TV-L1 {wanted.how.flow}", wanted.how.magnification
    if measured.get("apex_rule") not in (None, rule):
        words.append(f"apexes by {measured['apex_rule']}, not {rule}")
    if measured.get("flow") not in (None, preset):
        words.append(f"flow by {measured['flow']}, not {preset}")
    if measured.get("magnification") not in (None, alpha):
        words.append(f"magnified with alpha {measured['magnification']:g}, not {alpha:g}")
    if measured.get("errata") is False:
        words.append("the tables' known mistakes not mended")
    tables = measured.get("tables", {})
    words += [f"table of {name} {_UNKNOWN}" for name, version in tables.items() if _UNKNOWN in version]
    return words


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return "other than the recipe's" if any(value.values()) else "none"
    return str(value) or "none"


def command(wanted: Conditions, out: str) -> str:
    """The command whose run fills the cell; folders and files to be put in stand in capitals."""
    protocol, entry = open_protocol(wanted.protocol), wanted.entry
    words = ["apexbench", "run", "--protocol", protocol.name, "--model", entry.name]
    if wanted.name != "ours":
        words += ["--recipe", wanted.name]
    if wanted.recipe is not None and wanted.epochs != wanted.recipe.epochs:
        words += ["--epochs", str(wanted.epochs)]
    needs = INPUTS[entry.input].needs if entry.input in INPUTS else ()
    if "apex" in needs:
        words += ["--apex", wanted.how.apex]
    if "flow" in needs:
        words += ["--flow", wanted.how.flow]
    if entry.needs_weights:
        words += ["--weights", "C3D.pth"]
    elif wanted.recipe is not None and wanted.recipe.pretrained:
        words += ["--weights", f"{wanted.recipe.pretrained.upper()}.safetensors"]
    for name in dict.fromkeys(
        whose_people(each) for each in protocol.datasets or ()
    ):  # SMIC's cameras are one folder
        words += ["--data", f"{name}={name.upper()}"]
    return shlex.join([*words, "--out", out])


def commands(number: str) -> list[dict[str, Any]]:
    """Of each row of a paper with a recogniser here, the command that fills its cells, one for each protocol:
    ``table``, ``method``, ``protocol``, ``command``, ``assumed`` (settings that the paper does not state).

    Raises InputError for an unknown paper.
    """
    found = []
    for table in open_paper(number):
        for row in table.rows:
            columns = {each.protocol: each for each in reversed(table.columns) if each.protocol != "mean"}
            stated = {
                column.protocol
                for column, value in zip(table.columns, row.values, strict=True)
                if value is not None
            }
            for protocol, column in sorted(columns.items()):
                if not row.model or protocol not in stated:
                    continue
                wanted = conditions(number, row, column)
                epochs = f"-{row.epochs}" if row.epochs else ""
                found.append(
                    {
                        "table": table.number,
                        "method": row.title,
                        "protocol": protocol,
                        "command": command(wanted, f"runs/{number}/{row.model}{epochs}-{protocol}"),
                        "assumed": list(wanted.recipe.assumed) if wanted.recipe else [],
                    }
                )
    return found
