"""The databases, each read into the same Samples."""
