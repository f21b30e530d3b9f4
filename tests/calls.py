from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend
from django_minio_backend.errors import StorageError

Call = Callable[[MinioBackend], object]
CALLS: dict[str, Call] = {
    "open": lambda s: s.open("a.txt"),
    "save": lambda s: s.save("a.txt", ContentFile(b"x")),
    "exists": lambda s: s.exists("a.txt"),
    "size": lambda s: s.size("a.txt"),
    "modified": lambda s: s.get_modified_time("a.txt"),
    "listdir": lambda s: s.listdir(""),
    "delete": lambda s: s.delete("a.txt"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


def raised(call: Call, storage: MinioBackend, kind: type[StorageError]) -> StorageError:
    with pytest.raises(StorageError) as caught:
        call(storage)
    assert type(caught.value) is kind
    assert f"bucket '{storage.bucket}'" in str(caught.value)
    assert "storage 'default'" in str(caught.value)
    assert kind.advice in str(caught.value)
    assert caught.value.__cause__ is not None
    assert storage.options.secret_key not in repr(caught.value.__cause__) + str(caught.value)
    return caught.value
