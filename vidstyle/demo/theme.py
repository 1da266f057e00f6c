"""How the page looks: a gallery with white walls, and by night with dark ones."""

import gradio as gr

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
COLORS = {
    "paper": ("#f7f4ee", "#191613"),
    "wall": ("#fffdf9", "#241f1a"),
    "ink": ("#211d18", "#f0e9dd"),
    "faint": ("#675f53", "#b3a897"),
    "line": ("#e2dbcf", "#40382f"),
    "edge": ("#8d8373", "#857a6a"),
    "accent": ("#a3431f", "#e58f66"),
    "message": ("#8c1d18", "#ffb9ae"),
    "alarm": ("#fbeae6", "#43201b"),
}
"""By day and by night; page/style.css uses them by these names."""

LOOKS = {
    "body_background_fill": "paper",
    "body_text_color": "ink",
    "body_text_color_subdued": "faint",
    "background_fill_primary": "wall",
    "background_fill_secondary": "paper",
    "block_label_text_color": "faint",
    "block_title_text_color": "ink",
    "block_info_text_color": "faint",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "input_background_fill": "wall",
    "input_border_color": "edge",
    "button_primary_background_fill": "ink",
    "button_primary_background_fill_hover": "accent",
    "button_primary_text_color": "wall",
    "button_primary_border_color": "ink",
    "button_secondary_background_fill_hover": "wall",
    "button_secondary_border_color": "edge",
    "button_secondary_text_color": "ink",
    "checkbox_background_color": "wall",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "edge",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_text_color": "ink",
    "color_accent": "accent",
    "color_accent_soft": "paper",
    "slider_color": "accent",
}
"""Gradio's names, and which colour each has."""
CLEAR = (
    "block_background_fill",
    "button_secondary_background_fill",
    "checkbox_label_background_fill",
    "panel_background_fill",
)
"""What walls are seen through."""


def gallery_theme() -> gr.themes.Base:
    """By day or by night, as the visitor's system has it.  Fonts are the visitor's own."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.orange,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_sm,
        text_size=gr.themes.sizes.text_md,
        font=SANS,
        font_mono=("ui-monospace", "monospace"),
    )
    looks = {f"{name}{mode}": COLORS[color][night] for name, color in LOOKS.items() for night, mode in enumerate(MODES)}
    looks |= {f"{name}{mode}": "transparent" for name in CLEAR for mode in MODES}
    looks |= {f"block_border_width{mode}": "0px" for mode in MODES}
    return theme.set(**{name: look for name, look in looks.items() if name in _KNOWN})


def color_css() -> str:
    """The colours as CSS, for what is ours on the page, and which of its panels shows."""
    by_day, by_night = (
        "".join(f"--{name}: {colors[night]}; " for name, colors in COLORS.items()) for night in range(len(MODES))
    )
    return f":root {{ {by_day}}} body.dark {{ {by_night}color-scheme: dark; }}"


MODES = ("", "_dark")
_KNOWN = frozenset(gr.themes.Base.set.__code__.co_varnames)
