"""A style of any picture, in a moment: a meta network writes it, and a last touch brings it nearer."""

from vidstyle.any_style.writing import is_picture, painter_arguments, read_style_picture, stroke_side, style_of_picture

__all__ = ["is_picture", "painter_arguments", "read_style_picture", "stroke_side", "style_of_picture"]
