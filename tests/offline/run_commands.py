"""Run commands one after the other, the demo in a process of its own: `run_commands.py '[["styles"], ...]'`.

Their exit codes are the last line of what is printed.  The demo is asked for its page, and stopped.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

from vidstyle import cli


def run_demo(command: list[str]) -> int:
    """Fetch the demo's page, then press Ctrl-C."""
    with subprocess.Popen([sys.executable, "-m", "vidstyle", *command]) as demo:
        port = command[command.index("--port") + 1]
        while demo.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
                    page.read()
                break
            except URLError:
                time.sleep(0.1)
        demo.send_signal(signal.SIGINT)
    return demo.returncode


def main() -> None:
    codes = {}
    for command in json.loads(sys.argv[1]):
        name = os.environ["VIDSTYLE_COMMAND"] = command[0]
        if name == "demo":
            codes[name] = run_demo(command)
        else:
            codes[name] = cli.run(command)
    print(json.dumps(codes))


if __name__ == "__main__":
    main()
