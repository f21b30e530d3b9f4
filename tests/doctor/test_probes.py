"""What a probe says of a server that does it otherwise."""

from __future__ import annotations

import pytest

from django_minio_backend.doctor import probes
from django_minio_backend.doctor.findings import Verdict
from django_minio_backend.doctor.patient import CONTENT, Patient
from tests.hostile import Answer, closed_port, hostile, listing, s3_error, storage_at

STORED = Answer(200, CONTENT.decode(), {"ETag": '"e"', "x-amz-request-id": "1"})
EMPTY = Answer(200, headers={"ETag": '"e"', "x-amz-request-id": "1"})

TAKEN = s3_error(412, "PreconditionFailed")
STARTED = Answer(
    200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
)
FINISHED = Answer(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")


@pytest.mark.parametrize(
    ("probe", "answers", "verdict", "detail"),
    [
        ("taken_names", [STORED], "warning", "a taken name is overwritten"),
        ("taken_names", [STORED, s3_error(501, "NotImplemented")], "warning", "NotImplemented"),
        ("taken_names", [STORED, TAKEN, STARTED, STORED, FINISHED, STORED], "warning", "large"),
        ("taken_names", [STORED, TAKEN, STARTED, STORED, TAKEN, Answer(204)], "ok", "is refused"),
        ("if_match", [STORED], "warning", "If-Match is ignored by GET, PUT"),
        ("ranges", [STORED], "failure", "a range is answered with 200"),
        ("checksums", [STORED], "warning", "damaged content is stored"),
        ("signed_chunks", [STORED], "ok", "large files are read once"),
        ("signed_chunks", [EMPTY], "failure", "signed chunks damage files"),
        ("signed_chunks", [s3_error(501, "NotImplemented")], "ok", "large files are read twice"),
        ("links", [STORED], "ok", "a signed link works"),
        ("links", [STORED, Answer(403)], "failure", "a signed link is answered with 403"),
        ("post", [Answer(204)], "warning", "uploads more than its size"),
        ("post", [Answer(403)], "warning", "a form is answered with 403"),
        ("post", [Answer(400), Answer(204)], "ok", "up to its size"),
        ("cors", [Answer(403)], "ok", "may not upload"),
        ("cors", [Answer(200, headers={"Access-Control-Allow-Origin": "*"})], "ok", "any origin"),
        (
            "versioning",
            [Answer(200, "<VersioningConfiguration><Status>Enabled</Status></Ver"
            "sioningConfiguration>")],
            "ok",
            "on: ",
        ),
        ("strangers", [STORED], "failure", "anybody can read"),
        ("strangers", [STORED, STORED, Answer(403)], "failure", "anybody can list"),
    ],
)  # fmt: skip
def test_a_server_that_does_it_otherwise_is_told(
    probe: str, answers: list[Answer], verdict: str, detail: str
) -> None:
    with hostile(*answers) as server:
        patient = Patient(storage_at(server.endpoint))
        found, said, advice = getattr(probes, f"probe_{probe}")(patient)
    assert (found.value, detail in said) == (verdict, True), said
    assert bool(advice) == (verdict != "ok")


def test_a_listing_that_lacks_names_is_a_failure() -> None:
    with hostile(STORED, STORED, STORED, listing(prefix="x")) as server:
        patient = Patient(storage_at(server.endpoint))
        patient.folder = ""
        server.answers[-1] = listing(prefix="odd/")
        verdict, detail, _ = probes.probe_listing(patient)
    assert (verdict, detail) == (Verdict.FAILURE, "lists 0 of 3 names")


def test_an_external_address_that_cannot_be_reached_is_unknown() -> None:
    with closed_port() as outside, hostile(STORED) as server:
        patient = Patient(storage_at(server.endpoint, MINIO_EXTERNAL_ENDPOINT=outside))
        verdict, detail, _ = probes.probe_links(patient)
        assert verdict is Verdict.UNKNOWN
        assert f"http://{outside} cannot be reached from here" in detail
        assert probes.probe_post(patient)[0] is Verdict.UNKNOWN


def test_an_error_of_a_probe_is_unknown_and_the_others_go_on() -> None:
    with hostile(s3_error(500, "InternalError")) as server:
        findings = list(probes.run_probes(Patient(storage_at(server.endpoint))))
    assert [one.name for one in findings] == list(probes.PROBES)
    assert {one.name for one in findings if one.verdict is Verdict.UNKNOWN} > {"ranges", "listing"}
