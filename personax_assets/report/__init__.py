"""The report: static pages that say what was made and what was found."""
