"""`apexbench list`."""

import json
from collections.abc import Callable
from typing import Any

from engines.errors import InputError
from offline.cli.options import Json


def list_all(as_json: Json = False) -> None:
    """The protocols, recognisers, databases and papers there are; those of other packages too.

    Example: apexbench list
    """
    from offline import protocols, recognisers
    from offline.datasets import registry
    from offline.papers import PAPERS

    def protocol(name: str) -> dict[str, Any]:
        row = protocols.open_protocol(name)
        return {"title": row.title, "source": row.source, "subject_independent": row.independent}

    def model(name: str) -> dict[str, Any]:
        row = recognisers.open_recogniser(name)
        return {"title": row.title, "source": row.source, "epochs": row.epochs}

    def dataset(name: str) -> dict[str, Any]:
        row = registry.find_dataset(name)
        return {"title": row.title, "source": row.source}

    rows = {
        "protocols": [_row(name, protocol) for name in protocols.names()],
        "models": [_row(name, model) for name in recognisers.names()],
        "datasets": [_row(name, dataset) for name in (*registry.DATASETS, *registry.others())],
        "papers": [{"name": number, "title": title} for number, title in PAPERS.items()],
    }
    if as_json:
        print(json.dumps(rows))
        return
    from offline.tables import print_rows

    for row in (row for kind in rows.values() for row in kind if "error" in row):
        row["title"] = row["error"]
    print_rows("protocols", ("name", "title", "source"), rows["protocols"])
    print_rows("models", ("name", "title", "source", "epochs"), rows["models"])
    print_rows("datasets", ("name", "title", "source"), rows["datasets"])
    print_rows("papers", ("name", "title"), rows["papers"])


def _row(name: str, describe: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """A row of the list; of a plugin that cannot be loaded, why."""
    try:
        return {"name": name, **describe(name)}
    except InputError as error:
        return {"name": name, "error": str(error)}
