"""How the page looks: a gallery with white walls."""

import gradio as gr

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
PAPER, WALL, INK, FAINT, LINE, ACCENT, PRESSED = (
    "#f7f4ee",
    "#fffdf9",
    "#211d18",
    "#766d60",
    "#e2dbcf",
    "#a3431f",
    "#86351a",
)


def gallery_theme() -> gr.themes.Base:
    """The same by day and by night: paintings hang on a light wall.  Fonts are the visitor's own."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.orange,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_sm,
        text_size=gr.themes.sizes.text_md,
        font=SANS,
        font_mono=("ui-monospace", "monospace"),
    )
    looks = {
        "body_background_fill": PAPER,
        "body_text_color": INK,
        "body_text_color_subdued": FAINT,
        "background_fill_primary": WALL,
        "background_fill_secondary": PAPER,
        "block_background_fill": "transparent",
        "block_border_width": "0px",
        "block_label_text_color": FAINT,
        "block_title_text_color": INK,
        "block_info_text_color": FAINT,
        "border_color_primary": LINE,
        "border_color_accent": ACCENT,
        "input_background_fill": WALL,
        "input_border_color": LINE,
        "button_primary_background_fill": INK,
        "button_primary_background_fill_hover": ACCENT,
        "button_primary_text_color": WALL,
        "button_primary_border_color": INK,
        "button_secondary_background_fill": "transparent",
        "button_secondary_background_fill_hover": WALL,
        "button_secondary_border_color": LINE,
        "button_secondary_text_color": INK,
        "checkbox_background_color": WALL,
        "checkbox_background_color_selected": ACCENT,
        "checkbox_border_color": FAINT,
        "checkbox_border_color_selected": ACCENT,
        "checkbox_label_background_fill": "transparent",
        "checkbox_label_text_color": INK,
        "color_accent": ACCENT,
        "color_accent_soft": PAPER,
        "slider_color": ACCENT,
        "panel_background_fill": "transparent",
    }
    both = {f"{name}{mode}": value for name, value in looks.items() for mode in ("", "_dark") if name + mode in _KNOWN}
    return theme.set(**both)


_KNOWN = frozenset(gr.themes.Base.set.__code__.co_varnames)
