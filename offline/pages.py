"""HTML pages that need nothing beside themselves: the frame of every report, tables, numbers and escaped words."""

import html
from collections.abc import Iterable, Sequence
from typing import Any, Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fcfcfa;--ink:#1c1d1f;--soft:#6b6e73;--line:#d8d7d1;--tint:31,95,139;
--found:rgb(var(--tint));--false:#b5453c;--other:#c58a17;--third:#2f7d4f;--c0:var(--false);--c1:var(--third);
--c2:var(--other);--c3:var(--found);--c4:var(--soft)}
@media(prefers-color-scheme:dark){:root{--paper:#17181a;--ink:#e9e8e3;--soft:#9a9da3;--line:#3c3e42;--tint:96,165,214;
--false:#e0756b;--other:#e5b04a;--third:#5fb884}}
body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2.5rem auto;
padding:0 1.2rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.6rem 0 .6rem}
p{max-width:46rem}.soft,figcaption,th{color:var(--soft)}figcaption{font-size:.9rem;max-width:46rem}
.lead{font-size:1.15rem}.big{font-size:2.6rem;font-weight:650;font-variant-numeric:tabular-nums;margin:1.2rem 0 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.95rem}
th{font-weight:500;text-align:left;font-size:.88rem}
td,th{padding:.3rem .9rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right}.scroll{overflow-x:auto}
.row{display:flex;flex-wrap:wrap;gap:1.5rem 2.2rem}figure{margin:0 0 1rem}
svg{max-width:100%;height:auto;overflow:visible}
.note{border-left:3px solid var(--line);padding-left:.9rem}
"""


def page(title: str, parts: Iterable[str], style: str = "") -> str:
    """The whole page of what stands below each other, empty parts left out; ``style`` beside the common one."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{STYLE}{style}</style></head><body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], text: Sequence[int] = ()) -> str:
    """A table of cells. ``text``: the columns that hold words; the others stand to the right."""
    kind = ["" if i in text else ' class="n"' for i in range(len(head))]
    top = "".join(f"<th{k}>{escaped(word)}</th>" for k, word in zip(kind, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{escaped(cell)}</td>" for k, cell in zip(kind, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def number(value: float | None, digits: int) -> str:
    """A number with so many digits; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def escaped(value: Any) -> str:
    """Anything as text that can stand in a page."""
    return html.escape(str(value))
