"""Give the contract tests their stores."""

from tests.cloud import ministack, ministack_place, moto_place, stores

__all__ = ["ministack", "ministack_place", "moto_place", "stores"]
