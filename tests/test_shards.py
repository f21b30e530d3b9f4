from __future__ import annotations

from itertools import chain

import pytest

from django_minio_backend.shards import ALL, Shard, parse_shard


def test_each_name_belongs_to_one_share_and_shares_are_alike() -> None:
    names = [f"folder/{number}.txt" for number in range(3000)] + ["ü\udcff"]
    shares = [parse_shard(f"{number}/3") for number in (1, 2, 3)]
    held = [[name for name in names if share.holds(name)] for share in shares]
    assert sorted(chain.from_iterable(held)) == sorted(names)
    assert all(900 < len(share) < 1100 for share in held)
    assert all(ALL.holds(name) for name in names)
    assert parse_shard("1/1") == ALL == Shard()


def test_a_share_is_the_same_in_all_processes_and_versions() -> None:
    assert [name for name in "abcdefghijklmnop" if Shard(2, 4).holds(name)] == ["b", "i", "k", "p"]


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "a/4", "1/0", "-1/4", "1/4/2", "1.5/2"])
def test_other_text_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="a share such as 1/4"):
        parse_shard(text)
