"""Faults made on purpose, on whole homes: kills, full disks, dead servers, sources that change."""
