"""What parameters are called on the page, beside their controls and in messages."""

LABELS = {
    "strength": "Strength",
    "keep_colors": "Keep the original colours",
    "stroke_size": "Stroke size",
    "optimise": "Finish",
    "start": "From",
    "end": "To",
    "minutes": "Minutes to train",
    "style": "Style",
    "size": "Size",
    "style_at": "Changes of style",
}


def labelled(name: str, value: str) -> str:
    """A parameter as a visitor knows it; one without a control keeps its name, in plain words."""
    label = LABELS.get(name, name.replace("_", " "))
    return f"{label} {value}" if value else label
