"""Descriptions of kinds of roster files, and the example list; data, not code."""
