"""The one error that a user can mend."""


class InputError(Exception):
    """Unusable input: one line that says what, where and what to do. Commands print it and exit with 2."""
