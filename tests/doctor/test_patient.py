from __future__ import annotations

from django_minio_backend import MinioBackend
from django_minio_backend.doctor.patient import Patient
from tests.hostile import Answer, hostile, listing, storage_at


def test_an_object_that_cannot_be_deleted_is_told(storage: MinioBackend) -> None:
    patient = Patient(storage)
    patient.put("a.txt")
    patient._stored.clear()  # as after a lost answer
    assert patient.clean() == [patient.key("a.txt")]
    patient.remember("a.txt")
    assert patient.clean() == []


def test_a_server_that_is_gone_by_then_is_no_error() -> None:
    stored = Answer(200, headers={"ETag": '"e"'})
    with hostile(stored, Answer(500)) as server:
        patient = Patient(storage_at(server.endpoint))
        patient.put("a.txt")
        assert patient.clean() == []
    with hostile(listing()) as server:
        assert Patient(storage_at(server.endpoint)).folder.startswith(".doctor-")
