"""The processes of a live run: one table (`table`), one way to begin and end (`child`), one file each."""
