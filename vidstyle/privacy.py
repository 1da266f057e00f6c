"""Nothing leaves the machine unasked: what libraries would report about their use is switched off before they load."""

import os
import sys
from typing import Any

_SILENCE = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # its question for newer versions, too
    "HF_HUB_DISABLE_TELEMETRY": "1",  # Gradio reports by way of huggingface_hub
    "DO_NOT_TRACK": "1",
}
_OPENVINO_TELEMETRY = "openvino_telemetry"


def switch_off_telemetry() -> None:
    """Called when `vidstyle` is imported, before any of these libraries is; processes started later inherit it."""
    os.environ.update(_SILENCE)
    # `import openvino` sends an event to Google Analytics, and `convert_model` many.  No variable stops that: what
    # counts is a file in the home folder, and where there is none OpenVINO takes it for a yes and writes an identity
    # there.  But where the package that sends is missing it uses a stub (openvino/tools/ovc/telemetry_stub.py), and
    # None here makes Python say that it is missing.
    if "openvino" not in sys.modules:
        modules: dict[str, Any] = sys.modules
        modules[_OPENVINO_TELEMETRY] = None


def silence_openvino() -> None:
    """For OpenVINO that a program had imported before vidstyle: from now on it uses the stub as well."""
    if sys.modules.get(_OPENVINO_TELEMETRY) is None:
        return
    from openvino.tools.ovc import telemetry_stub

    for name, module in list(sys.modules.items()):
        if name.startswith("openvino.tools.ovc.") and hasattr(module, "tm"):
            vars(module)["tm"] = telemetry_stub
