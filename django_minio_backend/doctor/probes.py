"""The questions that a storage's own server is asked, and what the answers mean."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from django_minio_backend import errors
from django_minio_backend.doctor.findings import Finding, Verdict
from django_minio_backend.doctor.patient import CONTENT, Patient
from django_minio_backend.errors import StorageError
from django_minio_backend.s3.client import ONLY_NEW, make_replacing
from django_minio_backend.s3.http import HTTPFault
from django_minio_backend.s3.payloads import Payload, SignedChunks, Source
from django_minio_backend.s3.signing import SIGNED_CHUNKS

ORIGIN = "https://another-origin.example.com"
ODD_NAMES = ("a b+c%41&d=e;f#g?h.txt", "Straße/日本 (1).txt", "~'!*,:@$.txt")
_POST_LIMIT = 100

Result = tuple[Verdict, str, str]


def _good(detail: str) -> Result:
    return Verdict.GOOD, detail, ""


def probe_tls(patient: Patient) -> Result:
    if patient.client.is_secure:
        return _good("HTTPS, and the certificate is valid")
    return _good("plain HTTP, which is for private networks")


def probe_permissions(patient: Patient) -> Result:
    """Try what a storage does with objects."""
    tries: dict[str, Callable[[], object]] = {
        "s3:PutObject": lambda: patient.put("first.txt"),
        "s3:GetObject": lambda: patient.send("GET", "first.txt"),
        "s3:ListBucket": lambda: list(patient.client.list_pages(patient.folder)),
        "s3:DeleteObject": lambda: patient.send("DELETE", "none.txt"),
    }
    refused = []
    for action, work in tries.items():
        try:
            work()
        except errors.ObjectNotFound:
            continue
        except errors.AccessDenied:
            refused.append(action)
    if not refused:
        return _good("may save, read, list and delete")
    advice = "The documentation has a policy for each kind of site, under Permissions."
    return Verdict.WARNING, f"may not {', '.join(refused)}", advice


def probe_policy_permissions(patient: Patient) -> Result:
    bucket = patient.client.bucket
    tries: dict[str, Callable[[], object]] = {
        "its policy": bucket.read_policy,
        "versioning": lambda: bucket.read_configuration("versioning", "VersioningConfiguration"),
        "lifecycle": lambda: bucket.read_configuration("lifecycle", "LifecycleConfiguration"),
    }
    known, unknown = [], []
    for name, read in tries.items():
        try:
            read()
            known.append(name)
        except StorageError as error:
            unknown.append(f"{name} ({type(error).__name__})")
    detail = f"can be read: {', '.join(known) or 'nothing'}"
    if not unknown:
        return _good(detail)
    advice = "initialize_buckets cannot see or set these. Other commands do not need them."
    return Verdict.WARNING, f"{detail}; cannot: {', '.join(unknown)}", advice


def probe_taken_names(patient: Patient) -> Result:
    """Ask whether the server refuses to overwrite with `If-None-Match: *`, in parts too."""
    patient.put("taken.txt")
    tries: dict[str, Callable[[], object]] = {
        "a taken name is overwritten": lambda: patient.put("taken.txt", b"overwritten", ONLY_NEW),
        "a large file overwrites a taken name": lambda: patient.put_in_parts(
            "taken.txt", b"overwritten", ONLY_NEW
        ),
    }
    for detail, overwrite in tries.items():
        try:
            overwrite()
        except errors.ObjectExists:
            continue
        except StorageError as error:
            advice = "Each save asks first whether the name is free, which is one request more."
            return Verdict.WARNING, f"If-None-Match is not understood: {error.code}", advice
        advice = (
            "If-None-Match is ignored: two saves of one name at the same moment may lose one. Use "
            "a newer server, or upload_to with a name that is unique."
        )
        return Verdict.WARNING, detail, advice
    return _good("a taken name is refused")


def probe_if_match(patient: Patient) -> Result:
    patient.put("match.txt")
    wrong = make_replacing("0" * 32)
    tries: dict[str, Callable[[], object]] = {
        "GET": lambda: patient.send("GET", "match.txt", headers=wrong),
        "PUT": lambda: patient.put("match.txt", b"replaced", wrong),
    }
    ignored = []
    for action, work in tries.items():
        try:
            work()
            ignored.append(action)
        except StorageError as error:
            if error.status != 412:
                ignored.append(f"{action} ({error.code or error.status})")
    if not ignored:
        return _good("another version is refused")
    advice = "Reading compares the ETag itself. copy_storage may replace a file that just changed."
    return Verdict.WARNING, f"If-Match is ignored by {', '.join(ignored)}", advice


def probe_ranges(patient: Patient) -> Result:
    patient.put("range.txt")
    response = patient.send("GET", "range.txt", headers={"Range": "bytes=2-4"})
    if (response.status, response.data) == (206, CONTENT[2:5]):
        return _good("the bytes that were asked for")
    advice = "Large files cannot be opened, and views cannot serve ranges."
    return Verdict.FAILURE, f"a range is answered with {response.status}", advice


def probe_checksums(patient: Patient) -> Result:
    """Send content that does not match its signed hash."""
    try:
        body = io.BytesIO(b"?")
        patient.put("damaged.txt", body, {"Content-Length": "1"}, sha256="0" * 64)
    except StorageError:
        return _good("damaged content is refused")
    advice = "Damage on the way is not noticed when a file is saved. Use HTTPS, which notices it."
    return Verdict.WARNING, "damaged content is stored", advice


def probe_signed_chunks(patient: Patient) -> Result:
    body = SignedChunks(Payload(Source(io.BytesIO(CONTENT)), len(CONTENT)))
    try:
        patient.put("chunks.txt", body, body.headers, sha256=SIGNED_CHUNKS)
        stored = patient.send("GET", "chunks.txt").data
    except StorageError as error:
        return _good(f"not accepted ({error.code or error.status}): large files are read twice")
    if stored == CONTENT:
        return _good("accepted: large files are read once")
    advice = "The server stores the chunks' frames inside files. Report its name and version."
    return Verdict.FAILURE, "signed chunks damage files", advice


def probe_listing(patient: Patient) -> Result:
    """List odd names, two for each page."""
    for name in ODD_NAMES:
        patient.put(f"odd/{name}")
    prefix, token, found = patient.key("odd/"), "", []
    for _ in range(len(ODD_NAMES) + 1):
        page, token = patient.client.list_page(prefix, token, most=2)
        found += [entry.key.removeprefix(prefix) for entry in page.entries]
        if not token:
            break
    if sorted(found) == sorted(ODD_NAMES):
        return _good("complete, page by page, with odd names")
    advice = "listdir, collectstatic, copy_storage and the orphan search would miss files."
    return Verdict.FAILURE, f"lists {len(found)} of {len(ODD_NAMES)} names", advice


def probe_links(patient: Patient) -> Result:
    """Follow a signed link at the address that browsers use."""
    patient.put("link.txt")
    endpoint = patient.storage.options.external_endpoint
    try:
        response = patient.ask_outside(
            "GET", patient.storage.url(patient.name("link.txt"), expires=60)
        )
    except HTTPFault as fault:
        advice = (
            "If only browsers can reach it, open a link in one. Else see MINIO_EXTERNAL_ENDPOINT."
        )
        return Verdict.UNKNOWN, f"{endpoint.url} cannot be reached from here: {fault}", advice
    if response.data == CONTENT:
        return _good(f"a signed link works at {endpoint.url}")
    advice = (
        "The proxy must pass the Host header of the browser, and remove the path of "
        "MINIO_EXTERNAL_ENDPOINT: see Proxy and Docker in the documentation."
    )
    return Verdict.FAILURE, f"a signed link is answered with {response.status}", advice


def probe_post(patient: Patient) -> Result:
    """Upload by a form, within its limit of size and above it."""
    from urllib3.filepost import encode_multipart_formdata

    name = patient.name("post.txt")
    post = patient.storage.presigned_post(name, max_size=_POST_LIMIT, expires=60)
    statuses = []
    for content in (b"x" * (_POST_LIMIT + 1), b"x" * _POST_LIMIT):
        form: dict[str, Any] = {**post.fields, "file": ("post.txt", content)}
        body, kind = encode_multipart_formdata(form)
        try:
            response = patient.ask_outside("POST", post.url, {"Content-Type": kind}, body)
        except HTTPFault as fault:
            return Verdict.UNKNOWN, f"cannot be reached from here: {fault}", ""
        statuses.append(response.status)
        if response.status < 300:
            patient.remember("post.txt", response.headers.get("x-amz-version-id", ""))
    too_large, fitting = statuses
    if too_large >= 400 and fitting < 300:
        return _good("a form uploads, up to its size")
    if fitting >= 300:
        advice = "presigned_post does not work: uploads have to go through Django."
        return Verdict.WARNING, f"a form is answered with {fitting}", advice
    return Verdict.WARNING, "a form uploads more than its size", "Do not give forms to strangers."


def probe_cors(patient: Patient) -> Result:
    """Ask as a browser does before it uploads from a page of another origin."""
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT"}
    response = patient.ask_as_stranger("OPTIONS", "cors.txt", headers=asked)
    allowed = response.headers.get("Access-Control-Allow-Origin", "")
    if response.status < 300 and allowed in {"*", ORIGIN}:
        return _good("pages of any origin may upload with a link")
    return _good("pages of a foreign origin may not upload; yours may if it is allowed")


def probe_versioning(patient: Patient) -> Result:
    document = patient.client.bucket.read_configuration("versioning", "VersioningConfiguration")
    text = "" if document is None else "".join(document.itertext()).strip()
    if text == "Enabled":
        return _good("on: deleted and replaced files can be brought back")
    return _good("off: deleted and replaced files are gone")


def probe_strangers(patient: Patient) -> Result:
    """Ask without a signature for the list of the bucket, and for an object."""
    patient.put("stranger.txt")
    is_public = patient.storage.options.is_public
    lists = patient.ask_as_stranger("GET", query="list-type=2&max-keys=1").status == 200
    reads = patient.ask_as_stranger("GET", "stranger.txt").status == 200
    advice = "Run manage.py initialize_buckets."
    if reads and not is_public:
        return Verdict.FAILURE, "anybody can read the files of this private bucket", advice
    if lists:
        return Verdict.FAILURE, "anybody can list the bucket", advice
    if is_public and not reads:
        return Verdict.FAILURE, "nobody can read the files of this public bucket", advice
    return _good("can read files by name" if is_public else "can do nothing")


def probe_unsigned_parameters(patient: Patient) -> Result:
    """Ask for a public object as a web page, without a signature."""
    patient.put("page.txt")
    answer = patient.ask_as_stranger("GET", "page.txt", "response-content-type=text/html")
    if answer.status != 200 or "text/html" not in answer.headers.get("Content-Type", ""):
        return _good("ignored")
    advice = (
        "Any public upload can be opened as a page of its origin. Serve public files from another "
        "host than the site: see Security in the documentation."
    )
    return Verdict.WARNING, "obeyed: an upload can be shown as a web page", advice


PROBES: dict[str, Callable[[Patient], Result]] = {
    "TLS": probe_tls,
    "permissions": probe_permissions,
    "bucket's settings": probe_policy_permissions,
    "taken names": probe_taken_names,
    "If-Match": probe_if_match,
    "ranges": probe_ranges,
    "checksums": probe_checksums,
    "signed chunks": probe_signed_chunks,
    "listing": probe_listing,
    "signed links": probe_links,
    "form uploads": probe_post,
    "CORS": probe_cors,
    "versioning": probe_versioning,
    "strangers": probe_strangers,
}
#: The probes of public buckets only.
PUBLIC_PROBES = {"unsigned response-*": probe_unsigned_parameters}


def run_probes(patient: Patient) -> Iterator[Finding]:
    """Yield the findings of all probes. A probe that fails is unknown, with the error."""
    public = PUBLIC_PROBES if patient.storage.options.is_public else {}
    for name, probe in {**PROBES, **public}.items():
        try:
            yield Finding(name, *probe(patient))
        except (StorageError, HTTPFault) as error:
            yield Finding(name, Verdict.UNKNOWN, str(error))
