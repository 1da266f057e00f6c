"""Styles for programs that are not this one: ONNX files, and a page that paints in a visitor's own browser."""
