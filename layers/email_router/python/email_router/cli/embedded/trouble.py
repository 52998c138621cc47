"""Name the one failure of the embedded cloud: something on this machine, with what to do about it."""

from __future__ import annotations


class EmbeddedCloudError(Exception):
    """The embedded cloud cannot start, deploy, answer or save.  The text says what happened and what to do next."""
