"""What a visitor has set in a tab is set again when they come back; their browser keeps it, see page/memory.js."""

import json
from typing import Any

import gradio as gr

SAY = (
    "(...values) => {{ document.dispatchEvent(new CustomEvent('vs-look', {{detail: {{tab: '{tab}', "
    "controls: Object.fromEntries({names}.map((name, i) => [name, values[i]]))}}}})); return []; }}"
)
RECALL = (
    "() => {{ let kept = {{}}; try {{ kept = JSON.parse(localStorage.getItem('vidstyle') || '{{}}').{tab}?.controls || "
    "{{}}; }} catch {{}} return {defaults}.map(([name, value]) => typeof kept[name] === typeof value ? kept[name] : "
    "value); }}"
)


def remembered(page: gr.Blocks, tab: str, controls: dict[str, Any]) -> None:
    """Have the controls of a tab remembered, and told to whoever listens on the page.

    Args:
        page: that is being built.
        tab: name of the tab.
        controls: Gradio's components by their names, with what they are set to at first.
    """
    components = list(controls.values())
    say = SAY.format(tab=tab, names=json.dumps(list(controls)))
    recall = RECALL.format(tab=tab, defaults=json.dumps([[name, one.value] for name, one in controls.items()]))
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    page.load(None, None, components, js=recall, **quiet)
    for component in components:
        component.change(None, components, js=say, **quiet)
