"""What ``--record`` writes, and how it is read back."""
