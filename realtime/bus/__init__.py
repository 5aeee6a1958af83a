"""The public socket: what is published, to whom, with which keys."""
