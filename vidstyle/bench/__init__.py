"""Measuring: how fast it is here, what bounds it, how its cost grows, and what a style is worth."""
