"""Python loads this before anything else where this folder is on PYTHONPATH: nothing but loopback can be reached.

Each attempt fails, and is written as a line to the file that `$VIDSTYLE_ATTEMPTS` names.
"""

import ipaddress
import os
import sys
from typing import Any

ADDRESS_AT = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
}
"""Events of Python's audit, which every use of a socket raises, and which of their arguments is the address."""


def is_here(address: Any) -> bool:
    """Whether an address is on this machine; those that are no tuple and no name are sockets of Unix."""
    host = address[0] if isinstance(address, tuple) else address
    if host in (None, "", b"", "localhost") or not isinstance(address, tuple | str) or str(host).startswith("/"):
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    return ip.is_loopback or ip.is_unspecified


def refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ADDRESS_AT and not is_here(address := arguments[ADDRESS_AT[event]]):
        with open(os.environ["VIDSTYLE_ATTEMPTS"], "a") as attempts:
            attempts.write(f"{os.environ.get('VIDSTYLE_COMMAND', '')}: {event} {address}\n")
        raise OSError(f"{event} {address}: only this machine can be reached")


sys.addaudithook(refuse)
