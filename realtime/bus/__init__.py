"""The public ZeroMQ socket: publishing, access and keys."""
