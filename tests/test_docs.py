"""What README and docs name is there, and lines can be read."""

import re
from pathlib import Path

import pytest

from realtime.processes.table import roles

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)
FILE = re.compile(r"`((?:apexcam|engines|realtime|offline|configs|tests|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_link_of_a_page_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [ROOT / name for name in FILE.findall(text) if "NAME" not in name]
    linked = [page.parent / name for name in LINK.findall(text)]
    missing = [path for path in named + linked if not path.exists() and not path.with_suffix(".py").exists()]
    assert not missing


def test_readme_names_the_papers_and_is_narrow() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    wide = [line for line in text.splitlines() if len(line) > 120]
    assert not wide
    for author, year in (("Liong", 2019), ("Peng", 2019), ("Zhou", 2022), ("Xu", 2021), ("Liu", 2020)):
        assert re.search(rf"{author}(?:(?!\n- )[\s\S])*{year}", text), author


@pytest.mark.parametrize("package", ["engines", "realtime", "offline"])
def test_the_front_door_is_imported_by_nobody_behind_it(package: str) -> None:
    door = re.compile(r"^\s*(?:from|import) apexcam\b", re.MULTILINE)
    files = [file for file in (ROOT / package).rglob("*.py") if door.search(file.read_text(encoding="utf-8"))]
    assert not files


def test_the_table_of_processes_is_the_one_that_runs():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    written = [
        tuple(cell.strip() for cell in line.strip("|").split("|")[:4])
        for line in text.partition("## The table of processes")[2].splitlines()
        if line.startswith("| ") and not line.startswith("| process")
    ]
    names = {role.name: f"{role.name}, one a camera" if role.per_camera else role.name for role in roles()}
    wanted = [(names[role.name], role.reads, role.writes, role.may_lose) for role in roles()]
    assert [row for row in written if row[0] != "main"][: len(wanted)] == wanted
