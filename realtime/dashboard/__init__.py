"""The dashboard: a page that shows a live run, served on this machine by a process of its own.

Bus → `feed` (the newest messages) → `stream` (a web socket: picture and curves) and `page` (NiceGUI: everything else)
→ browser. `guard` checks every request first. The dashboard only displays: it may skip frames.
"""
