"""Painting one picture, or a video frame by frame, by optimisation: slow, and what faster ways are measured against."""
