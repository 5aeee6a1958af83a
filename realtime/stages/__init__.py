"""The stages of a live run: frames to candidates (watch), candidates to events (recognise, here or remotely)."""
