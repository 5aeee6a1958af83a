"""What the commands show on stderr while they work."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer


def say(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr)


@contextmanager
def progress_bar(title: str, unit: str = "") -> Iterator[Any]:
    """A bar; with ``unit`` also how many of it a second."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} {unit}/s" if unit and task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task(title, total=None)

    def show(done: int, total: int) -> None:
        bar.start()  # with the work: an error before it shows no bar
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


def leave_unread(unread: Sequence[str]) -> None:
    """Say how many clips could not be read and leave with exit status 1; go on where there are none."""
    if unread:
        clips = f"{len(unread)} clip{'s were' if len(unread) > 1 else ' was'} left out"
        say(f"apexbench: {clips}, named above, as unreadable")
        raise typer.Exit(1)
