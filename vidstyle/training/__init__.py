"""Training: recipes, material, and the loop.  Nothing that paints imports this package."""
