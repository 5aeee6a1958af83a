"""``--record``: writing events and sessions, and reading events back."""
