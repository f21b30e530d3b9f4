from __future__ import annotations

from django_minio_backend.doctor.findings import Finding, Verdict


def test_a_finding_can_be_json() -> None:
    finding = Finding("ranges", Verdict.GOOD, "as they are", "")
    assert finding.as_dict() == {
        "name": "ranges",
        "verdict": "ok",
        "detail": "as they are",
        "advice": "",
    }
