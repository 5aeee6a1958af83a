"""``python -m engines.proof``: the command without its shell, for a machine without typer and rich."""

import argparse
import sys
from pathlib import Path

from engines.errors import InputError
from engines.proof import prove


def main() -> int:
    """The exit status: 0 when no check failed, 1 when one did, 2 for an option that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m engines.proof", description=prove.__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, metavar="F", help="write the JSON into a file too")
    parser.add_argument("--quick", action="store_true", help="few repeats: whether it works, not how fast")
    given = parser.parse_args()
    try:
        return prove(as_json=given.json, out=given.out, quick=given.quick)
    except InputError as error:
        print(f"engines.proof: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
