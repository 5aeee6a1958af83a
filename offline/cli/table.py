"""`apexbench table`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import InputError
from engines.files import check_file, write_bytes
from offline.cli.options import Json
from offline.cli.output import say
from offline.writing import writing


def table(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of finished runs; with --paper also folders of them.")
    ] = None,
    paper: Annotated[
        str | None, typer.Option(help="A paper's tables, ours beside theirs: 000, 001, 002, 003 or 004.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Add the papers' rows that were not run here.")
    ] = False,
    commands: Annotated[
        bool,
        typer.Option(
            "--commands", help="Print the command that fills each row of the paper's tables; run nothing."
        ),
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    page: Annotated[
        Path | None, typer.Option("--html", help="Also write the paper's tables as an HTML page.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge runs into the papers' table, with paired tests of every two; or fill a paper's own tables.

    Example: apexbench table runs/ststnet runs/off-apexnet runs/fr --markdown
    A paper's: apexbench table --paper 002 runs
    What to run for it: apexbench table --paper 002 --commands
    """
    from offline import tables

    if commands:
        if paper is None or runs or markdown or page is not None:
            raise InputError("--commands goes with --paper 000 to 004, and with --json alone")
        _commands(paper, as_json)
        return
    if paper is not None:
        _paper(paper, runs or [], markdown, page, as_json)
        return
    if not runs or page is not None:
        raise InputError("give the folders of finished runs, or --paper 000 to 004 (which --html needs)")
    folders = [tables.load_run(path) for path in runs]
    rows, tests = tables.merge(folders, published), tables.comparisons(folders)
    if as_json:
        print(json.dumps({"rows": rows, "comparisons": tests}))
    elif markdown:
        print(tables.markdown(rows, tests), end="")
    else:
        tables.print_merged(rows, tests)


def _paper(number: str, runs: list[Path], markdown: bool, page: Path | None, as_json: bool) -> None:
    from offline import paper_tables

    if page is not None:
        check_file("--html", page)
    filled = paper_tables.fill(number, paper_tables.find_runs(runs))
    if page is not None:
        with writing(page):
            write_bytes(page, paper_tables.page(filled).encode())
        say(f"written: {page}")
    if as_json:
        print(json.dumps(filled))
    elif markdown:
        print(paper_tables.markdown(filled), end="")
    else:
        paper_tables.print_paper(filled)


def _commands(number: str, as_json: bool) -> None:
    """A shell script: above each command the rows that it fills; folders to be put in stand in capitals."""
    from offline.papers import conditions

    rows = conditions.commands(number)
    if as_json:
        print(json.dumps(rows))
        return
    for line in dict.fromkeys(row["command"] for row in rows):
        filled = [row for row in rows if row["command"] == line]
        for row in filled:
            print(f"# table {row['table']}: {row['method']}, {row['protocol']}")
        if filled[0]["assumed"]:
            print(f"# not stated in the paper: {', '.join(filled[0]['assumed'])}")
        print(line)
