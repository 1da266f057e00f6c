"""Training: perceptual networks, losses, data, and the loop.  Nothing at run time imports this package."""
