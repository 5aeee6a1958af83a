"""``python tests/faults/fuzz_with_atheris.py PARSER -runs=10000``: coverage-guided, with libFuzzer's own flags.

Beside `test_fuzz`, with the same parsers, for hours if wanted; ``pip install apexcam[fuzz]`` has atheris. An input that
breaks a parser is left as ``crash-...`` in the current folder; give its path in place of ``-runs`` to try it again.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["engines", "realtime", "offline"]):
    import parsers


def main() -> None:
    place = Path(tempfile.gettempdir(), "apexcam-fuzz")  # libFuzzer ends the process: the next one cleans up
    shutil.rmtree(place, ignore_errors=True)
    made, seeds = place / "made", place / "seeds"
    made.mkdir(parents=True)
    seeds.mkdir()
    known = parsers.all_parsers(made)
    if sys.argv[1:2] == [] or sys.argv[1] not in known:
        sys.exit(f"give a parser: {', '.join(known)}")
    parse, valid = known[sys.argv[1]]()
    (seeds / "valid").write_bytes(valid)
    corpus = [] if any(Path(word).is_file() for word in sys.argv[2:]) else [str(seeds)]
    atheris.Setup([sys.argv[0], f"-max_len={2 * len(valid)}", *sys.argv[2:], *corpus], parse)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
