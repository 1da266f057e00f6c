"""Keys from any hand: a few painted frames of a film, carried to all others."""

from vidstyle.keys.key_films import KeyOptions, restyle_with_keys

__all__ = ["KeyOptions", "restyle_with_keys"]
