"""What the commands say on stderr."""

import sys
from collections.abc import Sequence

import typer


def say(line: str) -> None:
    """A line on stderr."""
    print(line, file=sys.stderr)


def leave_unread(unread: Sequence[str]) -> None:
    """Say how many clips could not be read and leave with exit status 1; go on where there are none."""
    if unread:
        clips = f"{len(unread)} clip{'s were' if len(unread) > 1 else ' was'} left out"
        say(f"apexbench: {clips}, named above, as unreadable")
        raise typer.Exit(1)
