"""Releases: what may leave the home, and the gate that it has to pass first.

Belongs here: making a release out of tables, attacking it, and refusing it. Does not belong here:
importing a release that somebody else published (`bios.release`).
"""
