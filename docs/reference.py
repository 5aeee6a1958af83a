"""``make docs``: the reference of the packages' names and docstrings, by pdoc, into build/docs."""

import importlib
import sys
import warnings
from pathlib import Path

import pdoc

ROOT = Path(__file__).parents[1]
MODULES = ("apexcam", "engines", "realtime.client", "realtime.messages")
# Their imports want a GPU's packages; what people call is in engines.flow and engines.inference.
WITHOUT = ("!engines.cuda", "!engines.flow.cuda", "!engines.inference.tensorrt")


def main() -> int:
    """Writes build/docs. Exit status 1 where a name cannot be resolved or a module not be imported."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"
    for name in ("apexcam", "engines.synthesis"):
        resolve(name)
    pdoc.render.configure(docformat="google", show_source=True, footer_text="apexcam")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        pdoc.pdoc(*MODULES, *WITHOUT, output_directory=out)
    of_pdoc = [
        str(each.message)
        for each in found
        if "pdoc" in each.filename or issubclass(each.category, UserWarning)
    ]
    for line in of_pdoc:
        print(f"docs: {line}", file=sys.stderr)
    print(f"docs: {out / 'index.html'}")
    return int(bool(of_pdoc))


def resolve(package: str) -> None:
    """Puts the names that a package imports when they are asked for where pdoc looks."""
    module = importlib.import_module(package)
    for name in module.__all__:
        setattr(module, name, getattr(module, name))


if __name__ == "__main__":
    sys.exit(main())
