"""From the frames of a clip to what a recogniser reads of it."""
