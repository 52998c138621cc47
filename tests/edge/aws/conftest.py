"""Give tests their cloud."""

from tests.cloud import ministack, ministack_place, moto_place, stores

__all__ = ["ministack", "ministack_place", "moto_place", "stores"]
