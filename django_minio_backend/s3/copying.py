"""Objects that a server copies by itself, in parts.

Only an upload in parts can be refused if its name is taken by now: several servers ignore such a
condition when they copy an object in one request.
"""

from __future__ import annotations

from django_minio_backend.parallel import map_parallel
from django_minio_backend.s3.multipart import MultipartUpload

#: The most that a server copies in one request. It would not answer in time if there were more.
COPIED_AT_ONCE = 2**30
# The parts that a server copies at once.
_PARALLEL = 4


def copy_parts(upload: MultipartUpload, source: str, size: int, etag: str) -> list[str]:
    """Let the server copy the `size` bytes of "bucket/key" into an upload.

    Return the ETags of the parts. Each GiB is a request. Raises ObjectChanged if the source has
    another ETag by now.
    """

    def copy(numbered: tuple[int, int]) -> str:
        number, start = numbered
        return upload.copy_part(number, source, start, min(start + COPIED_AT_ONCE, size), etag)

    starts = list(enumerate(range(0, size, COPIED_AT_ONCE), 1))
    return map_parallel(copy, starts, min(_PARALLEL, len(starts)), name="copy")
