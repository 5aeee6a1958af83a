"""`apexbench list`."""

import json
from typing import Any

from offline.cli.options import Json


def list_all(as_json: Json = False) -> None:
    """The protocols and recognisers there are.

    Example: apexbench list
    """
    from offline.protocols import PROTOCOLS
    from offline.recognisers import RECOGNISERS

    rows: dict[str, list[dict[str, Any]]] = {
        "protocols": [
            {"name": p.name, "title": p.title, "source": p.source, "subject_independent": p.independent}
            for p in PROTOCOLS.values()
        ],
        "models": [
            {"name": e.name, "title": e.title, "source": e.source, "epochs": e.epochs}
            for e in RECOGNISERS.values()
        ],
    }
    if as_json:
        print(json.dumps(rows))
        return
    from offline.tables import print_rows

    print_rows("protocols", ("name", "title", "source"), rows["protocols"])
    print_rows("models", ("name", "title", "source", "epochs"), rows["models"])
