"""Run the example project on a MinIO server, check that all of it works, and serve it.

If MINIO_ENDPOINT names a server, the demo uses it, and removes its own buckets at the end. Else it
starts MinIO if this machine has it, or fetches SeaweedFS, which takes seconds.
"""

from __future__ import annotations

import argparse
import io
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from examples.demo.place import throwaway_project
from examples.demo.report import Failed, heading, note

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--oneshot", action="store_true", help="check everything, serve nothing")
    parser.add_argument("--server", choices=["minio"], help="use it even if it must be built")
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Lines at once, also into a pipe; and a terminal without check marks is no reason to fail.
        sys.stdout.reconfigure(line_buffering=True, errors="replace")
    for number in STOPPING:
        signal.signal(number, _stop)
    try:
        with checked_site(minio=options.server == "minio"):
            return 0 if options.oneshot else _wait()
    except Failed as error:
        print(f" ✗ {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped before it was done; what was made is removed.")
        return 128 + signal.SIGINT


def _wait() -> int:
    print("\nCtrl-C stops it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("\nGoodbye: the site and all that was made for it are being removed.")
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Unwind, so that every `with` tidies up; a second signal must not cut that short."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def checked_site(*, minio: bool) -> Iterator[None]:
    """Do and check every step, print it, and serve the site for the length of the block."""
    heading("django-minio-backend: the example project")
    with throwaway_project(minio=minio):
        from examples.demo import checks, site  # models can be imported now, and not before

        checks.prepare()
        samples = checks.save_samples()
        checks.fetch_links(samples)
        with site.serving() as url, site.working():
            checks.fetch_page(url, samples)
            checks.fetch_ranges(url, samples)
            password = site.create_admin()
            heading("Links")
            note("Site", url)
            note("Exports", f"{url}exports/")
            note("Admin", f"{url}admin/  user admin, password {password}")
            checks.print_links(samples)
            yield


if __name__ == "__main__":
    sys.exit(main())
