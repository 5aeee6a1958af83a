"""Training of the learned spotter: videos recorded once, micro-expressions rehearsed into the recordings."""
