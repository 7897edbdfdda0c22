"""Level I and II: tests, the trained model, its registry, latents and their graph.

Belongs here: what the analysis stages do. Does not belong here: the methods (`personax_ml`).
"""
