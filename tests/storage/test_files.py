from __future__ import annotations

from django_minio_backend import MinioBackend


def test_text_is_read_and_written_as_utf_8(storage: MinioBackend) -> None:
    with storage.open("a.txt", "w") as file:
        file.write("größe\n")
        file.write("two\n")
    with storage.open("a.txt", "r") as file:
        assert file.readline() == "größe\n"
        assert list(file) == ["größe\n", "two\n"]
    assert storage.size("a.txt") == len("größe\ntwo\n".encode())
