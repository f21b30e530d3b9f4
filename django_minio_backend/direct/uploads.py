"""Uploads from their beginning to their receipt. Nothing here knows of HTTP or of rows.

No row and no memory of the site holds an upload. The browser carries a signed ticket.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.signing import SignatureExpired
from django.utils.translation import gettext as _

from django_minio_backend import MinioBackend
from django_minio_backend.direct import conf, tokens
from django_minio_backend.direct.files import (
    PENDING_TYPE,
    SMALL,
    Claim,
    Receipt,
    choose_type,
    read_version,
)
from django_minio_backend.direct.targets import Target
from django_minio_backend.errors import ObjectNotFound, UploadNotFound

MIB = 2**20
# A browser holds a part in memory to hash it. Larger parts are sent without a checksum.
_LARGEST_HASHED = 64 * MIB
_MOST_PARTS = 10_000
#: The seconds that the links of an upload live. The script fetches new ones.
LINKS_LIVE = 3600


@dataclass(frozen=True)
class Ticket(Claim):
    """An upload that has begun. `upload_id` is "" if it has one part."""

    kind = tokens.TICKET

    upload_id: str = ""
    #: The time at which it began, in seconds since 1970. Resuming does not prolong its life.
    begun: int = 0

    @classmethod
    def from_token(cls, token: str) -> Self:
        ticket = super().from_token(token)
        if ticket.begun < time.time() - conf.get_max_age():
            raise SignatureExpired("The upload began too long ago.")
        return ticket

    def make_receipt(self, version: str) -> Receipt:
        claim = {field.name: getattr(self, field.name) for field in fields(Claim)}
        return Receipt(**claim, version=version)

    @property
    def part_size(self) -> int:
        return choose_part_size(self.size)

    @property
    def part_sizes(self) -> list[int]:
        full, rest = divmod(self.size, self.part_size)
        return [self.part_size] * full + [rest] * bool(rest)


def choose_part_size(size: int) -> int:
    """Return the bytes of a part: about 1,000 parts, which are one page of a list, or 10,000."""
    for most, largest in ((1000, _LARGEST_HASHED), (_MOST_PARTS, size)):
        part_size = max(SMALL, -(-size // most // MIB) * MIB)
        if part_size <= largest:
            break
    return part_size


def begin(target: Target, user: str, name: str, size: int, content_type: str) -> dict[str, Any]:
    """Begin an upload, and return all that a browser needs for it. At most one request.

    Raises ValidationError for a file that the field does not accept.
    """
    storage = target.find_storage()
    kind = choose_type(storage, name, content_type)
    target.check(size, kind)
    ticket = Ticket(tokens.make_id(), user, target, name, size, kind, begun=int(time.time()))
    if size > SMALL:
        upload_id = storage.start_parts(ticket.pending_name, PENDING_TYPE)
        ticket = replace(ticket, upload_id=upload_id)
    return _describe(ticket, storage)


def _describe(ticket: Ticket, storage: MinioBackend) -> dict[str, Any]:
    if not ticket.upload_id:
        post = storage.presigned_post(
            ticket.pending_name,
            min_size=ticket.size,
            max_size=ticket.size,
            content_type=PENDING_TYPE,
            expires=LINKS_LIVE,
        )
        return {"ticket": ticket.to_token(), "url": post.url, "fields": dict(post.fields)}
    links = storage.sign_parts(ticket.pending_name, ticket.upload_id, ticket.part_sizes, LINKS_LIVE)
    return {
        "ticket": ticket.to_token(),
        "url": links.url,
        "signatures": list(links.signatures),
        "headers": dict(links.headers),
        "part_size": ticket.part_size,
        "checksums": storage.checks_parts and ticket.part_size <= _LARGEST_HASHED,
    }


def resume(ticket: Ticket) -> dict[str, Any]:
    """Return fresh links, and the numbers of the parts that have arrived. One request.

    Raises ValidationError if the upload is gone.
    """
    storage = ticket.target.find_storage()
    arrived: list[int] = []
    if ticket.upload_id:
        try:
            parts = storage.list_parts(ticket.pending_name, ticket.upload_id)
        except UploadNotFound:
            raise _make_gone() from None
        sizes = dict(enumerate(ticket.part_sizes, 1))
        arrived = [part.number for part in parts if part.size == sizes.get(part.number)]
    return {**_describe(ticket, storage), "arrived": arrived}


def finish(ticket: Ticket) -> Mapping[str, Any]:
    """Make the file of its parts, look at it, and return its receipt. At most three requests.

    A second call, after a lost response, returns a receipt too. Raises ValidationError if a part
    or the file is missing. The links accept the announced size alone.
    """
    storage = ticket.target.find_storage()
    if ticket.upload_id:
        _finish_parts(ticket, storage)
    try:
        version = read_version(storage, ticket.id, ticket.size)
    except ObjectNotFound:
        raise _make_gone() from None
    receipt = ticket.make_receipt(version)
    return {"receipt": receipt.to_token(), "name": receipt.name, "size": receipt.size}


def _finish_parts(ticket: Ticket, storage: MinioBackend) -> None:
    try:
        parts = storage.list_parts(ticket.pending_name, ticket.upload_id)
        stored = [(part.number, part.size) for part in parts]
        if stored != list(enumerate(ticket.part_sizes, 1)):
            raise ValidationError(
                _("Parts of the upload are missing: %(count)d of %(all)d have arrived."),
                code="missing_parts",
                params={"count": len(parts), "all": len(ticket.part_sizes)},
            )
        storage.finish_parts(ticket.pending_name, ticket.upload_id, parts)
    except UploadNotFound:
        pass  # an earlier call finished it


def cancel(ticket: Ticket) -> None:
    """Give up an upload, and delete what has arrived."""
    storage = ticket.target.find_storage()
    if ticket.upload_id:
        storage.abort_parts(ticket.pending_name, ticket.upload_id)
    storage.delete(ticket.pending_name)


def _make_gone() -> ValidationError:
    return ValidationError(_("The upload is gone: choose the file again."), code="gone")
