"""The program: `python -m vidstyle`."""

from typing import NoReturn

from vidstyle.interruption import end_at_once


def main() -> NoReturn:
    """Run the command line, which can be interrupted even while it is being loaded."""
    end_at_once()
    from vidstyle import cli

    cli.main()


if __name__ == "__main__":
    main()
