"""Photographs, and the faces in them."""
