from __future__ import annotations

import pytest
from django.core.files.base import ContentFile

from django_minio_backend import MinioBackend, errors
from tests.hostile import Answer, hostile, s3_error, storage_at


@pytest.mark.parametrize(
    ("server_name", "asked"),
    [("MinIO/RELEASE.2019", ["HEAD", "PUT", "PUT"]), ("Garage", ["HEAD", "PUT"])],
)
def test_a_server_that_ignores_conditions_goes_on_being_asked(
    server_name: str, asked: list[str]
) -> None:
    absent = Answer(404, headers={"x-minio-error-code": "NoSuchKey"})
    stored = Answer(200, headers={"ETag": '"e"'})
    ignored = s3_error(400, "XAmzContentSHA256Mismatch")
    answers = [absent, stored, *([ignored] if len(asked) == 3 else []), absent, stored]
    with hostile(*answers) as server:
        server.calls_itself = server_name
        storage = storage_at(server.endpoint)
        for name in ("a.txt", "b.txt"):
            storage.save(name, ContentFile(b"x"))
        methods = [request.split()[0] for request in server.requests]
        assert methods == [*asked, "HEAD", "PUT"]


def test_a_server_that_fails_to_show_it_is_asked_again() -> None:
    with hostile(Answer(500)) as server:
        client = storage_at(server.endpoint).s3
        with pytest.raises(errors.ServerFault):
            client.delete("a.txt")  # it has a name from now on
        client.learn("a.txt")
        assert client.refuses_taken_names is None


def test_learning_about_a_server_stores_nothing(storage: MinioBackend) -> None:
    storage.save("a.txt", ContentFile(b"precious"))
    storage.s3.learn("a.txt")
    assert storage.s3.refuses_taken_names
    storage.s3.learn("b.txt")
    assert not storage.s3.refuses_taken_names
    assert storage.listdir("") == ([], ["a.txt"])
    assert storage.open("a.txt").read() == b"precious"
    storage.s3.learn("a.txt")
