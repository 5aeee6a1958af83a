"""How well movements are found: rendered and recorded long videos, scored against what was performed in them."""
