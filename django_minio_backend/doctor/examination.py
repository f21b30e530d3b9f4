"""The examination of a storage: is its server there, and what can it do?"""

from __future__ import annotations

from collections.abc import Iterator

from django_minio_backend.doctor.findings import Finding, Verdict
from django_minio_backend.doctor.patient import TIMEOUT, Patient
from django_minio_backend.doctor.probes import run_probes
from django_minio_backend.s3 import health
from django_minio_backend.storage.backend import MinioBackend

# S3 refuses requests at 900 seconds.
_TOLERATED_CLOCK = 60.0
# The names that proxies give themselves.
_PROXIES = ("nginx", "openresty", "caddy", "envoy", "haproxy", "apache", "cloudflare")


def examine(storage: MinioBackend) -> Iterator[Finding]:
    """Yield the findings about a storage's server, as they are made. It leaves no objects behind.

    A server that cannot be reached, or that refuses the credentials, ends the examination.
    """
    status = health.check(storage.s3, TIMEOUT)
    yield _judge_reach(status)
    if not status.authenticated:
        return
    yield _judge_clock(status)
    if status.bucket_present is False:
        advice = "Run manage.py initialize_buckets."
        yield Finding("bucket", Verdict.FAILURE, f"'{storage.bucket}' does not exist", advice)
        return
    patient = Patient(storage)
    try:
        yield from run_probes(patient)
    finally:
        remaining = patient.clean()
    if remaining:
        advice = f"Delete the objects below {patient.folder} by hand."
        yield Finding("traces", Verdict.WARNING, f"{len(remaining)} objects remain", advice)


def _judge_reach(status: health.MinioServerStatus) -> Finding:
    if not status.authenticated:
        return Finding("server", Verdict.FAILURE, status.details)
    name = status.server or "a server of no name"
    if status.write_quorum is False:
        advice = "Too few nodes of the cluster are up. Files can be read and not saved."
        return Finding("server", Verdict.FAILURE, f"{name} without a write quorum", advice)
    detail = f"{name} takes the credentials, {status.latency:.0f} ms"
    if name.lower().startswith(_PROXIES):
        advice = (
            "A proxy hides the server's name. If it is MinIO, let the proxy pass the Server header "
            "(nginx: proxy_pass_header Server). Else each save asks first whether its name is "
            "free, and large files are read twice."
        )
        return Finding("server", Verdict.WARNING, detail, advice)
    return Finding("server", Verdict.GOOD, detail)


def _judge_clock(status: health.MinioServerStatus) -> Finding:
    ahead = status.clock_difference
    if ahead is None:
        return Finding("clock", Verdict.UNKNOWN, "the server does not tell its time")
    detail = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    if abs(ahead) <= _TOLERATED_CLOCK:
        return Finding("clock", Verdict.GOOD, detail)
    advice = "Set both clocks by NTP: at 15 minutes every request is refused."
    return Finding("clock", Verdict.WARNING, detail, advice)
