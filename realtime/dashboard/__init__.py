"""The dashboard: a page that shows a live run, served on this machine by a process of its own.

Bus → `feed` (what is newest) → `stream` (a web socket: picture and curves) and `page` (NiceGUI: everything else) →
browser. `guard` stands before all of it. Nothing here is measured with; frames may be skipped.
"""
