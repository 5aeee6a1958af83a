"""The one error that a user can mend, and what any other error says."""


class InputError(Exception):
    """Unusable input: one line that says what, where and what to do. Commands print it and exit with 2."""


def first_line(error: BaseException) -> str:
    """What an error says, in one short line."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:240]
