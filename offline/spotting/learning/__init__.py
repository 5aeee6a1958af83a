"""Training of the learned spotter: each video is measured once, and micro-expressions are added to its measurements."""
