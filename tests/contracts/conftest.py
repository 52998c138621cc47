"""Give the contract tests their stores."""

from tests.cloud import ministack, ministack_clients, ministack_place, moto_clients, moto_place, stores

__all__ = ["ministack", "ministack_clients", "ministack_place", "moto_clients", "moto_place", "stores"]
