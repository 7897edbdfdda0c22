"""Benchmarks that anyone can run: `python -m tests.benchmarks.NAME [--quick]`.

Each prints a table for people and, as its last line, one JSON object with the same figures.
"""
