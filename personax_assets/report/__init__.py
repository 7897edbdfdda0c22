"""The report: static pages that say what was made and what was found."""

FOLDER = "report"
"""Where in a home the pages are."""
