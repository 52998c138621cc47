"""Give tests their relays."""

from tests.edge.relays import relays

__all__ = ["relays"]
