"""One check in a process of its own, started by `engines.proof.running`: what it breaks is broken for nobody else."""

import json
import sys
from importlib import import_module
from pathlib import Path

from engines.errors import first_line
from engines.proof.check import Failed, Figures, Skipped

_OURS = ("engines", "apexcam")


def outcome(function: str, given: list[str], *, quick: bool) -> dict[str, str | Figures]:
    """State, reason and figures of a check. A module of others that is not installed is a reason to skip it."""
    module, _, name = function.partition(":")
    try:
        figures: Figures = getattr(import_module(module), name)(*given, quick=quick)
    except Skipped as skipped:
        return {"state": "skipped", "reason": first_line(skipped), "figures": {}}
    except Failed as failed:
        return {"state": "failed", "reason": first_line(failed), "figures": {}}
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if top and top not in _OURS:
            return {"state": "skipped", "reason": f"{top} is not installed", "figures": {}}
        return {"state": "failed", "reason": first_line(error), "figures": {}}
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        return {"state": "failed", "reason": reason, "figures": {}}
    return {"state": "ok", "reason": "", "figures": figures}


def main() -> None:
    """``python -m engines.proof.one RESULT.json full|quick MODULE:FUNCTION [GIVEN ...]``."""
    path, length, function, *given = sys.argv[1:]
    found = outcome(function, given, quick=length == "quick")
    Path(path).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
