"""What the store of blobs promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cloud import Stores
from tests.lying import lying


class TestBlobs:
    @pytest.mark.parametrize("size", [0, 1, 100_000])
    def test_bytes_come_back(self, stores: Stores, size: int) -> None:
        stores.blobs.put("raw/one", bytes(size))
        stores.blobs.put("raw/one", bytes(size))

        assert stores.blobs.get("raw/one") == bytes(size)

    def test_a_stream_over_several_parts_comes_back_whole(self, stores: Stores) -> None:
        pieces = [bytes([number]) * 1_000_003 for number in range(18)]

        assert stores.blobs.put_stream("raw/big", iter(pieces)) == 18 * 1_000_003
        assert stores.blobs.get("raw/big") == b"".join(pieces)

    @pytest.mark.parametrize("size", [0, 1, 3_000_000])
    def test_bytes_that_are_not_held_come_back_in_pieces(self, stores: Stores, size: int) -> None:
        data = (bytes(range(256)) * (size // 256 + 1))[:size]

        stores.blobs.put("raw/lying", lying(data))

        assert b"".join(stores.blobs.stream("raw/lying")) == data
        assert stores.blobs.get("raw/lying") == data

    def test_of_what_is_not_there_no_piece_comes(self, stores: Stores) -> None:
        with pytest.raises(KeyError):
            next(iter(stores.blobs.stream("raw/none")))

    def test_an_empty_stream_is_an_empty_blob(self, stores: Stores) -> None:
        assert stores.blobs.put_stream("raw/none", []) == 0
        assert stores.blobs.get("raw/none") == b""

    @pytest.mark.parametrize("megabytes", [1, 17])
    def test_a_stream_that_breaks_off_leaves_nothing(self, stores: Stores, megabytes: int) -> None:
        def broken() -> Any:
            yield from (bytes(1_000_000) for _ in range(megabytes))
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            stores.blobs.put_stream("raw/broken", broken())
        with pytest.raises(KeyError):
            stores.blobs.get("raw/broken")

    def test_a_deleted_blob_is_gone_and_may_be_deleted_twice(self, stores: Stores) -> None:
        stores.blobs.put("raw/one", b"x")
        stores.blobs.delete("raw/one")
        stores.blobs.delete("raw/one")

        with pytest.raises(KeyError):
            stores.blobs.get("raw/one")
