"""The demo, for this machine alone, or with a password for the whole network: demo_in_ten_lines.py [USER:PASSWORD]"""

import sys

from vidstyle.demo import DemoSettings, serve

if __name__ == "__main__":
    auth = sys.argv[1] if len(sys.argv) > 1 else None
    serve(DemoSettings(host="0.0.0.0" if auth else "127.0.0.1", port=7860, auth=auth, max_upload=200))
