"""Bios: from whatever a source holds to one typed row per person, with its history."""
