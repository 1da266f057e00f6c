"""How pictures are seen and compared: VGG's features, losses between them, optical flow, and the figures they give."""
