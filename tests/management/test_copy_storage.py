from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command

from django_minio_backend.moving.transfer import Transfer
from django_minio_backend.shards import Shard
from tests.moving.conftest import content, copy
from tests.projects import new_site
from tools.minio_server import Server

pytestmark = pytest.mark.django_db


def test_a_dry_run_says_what_it_would_do(disk: Path) -> None:
    storages["default"].save("extra.txt", ContentFile(b"x"))
    out, said = copy("disk", "default", dry_run=True, verbosity=2)
    assert "a.txt: to copy" in out
    assert said == ""
    assert set(content("default")) == {"extra.txt"}


def test_an_interruption_says_how_far_it_is(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(transfer: Transfer, *args: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(Transfer, "run", interrupt)
    said = copy("disk", "default")[1]
    assert said == "FAILED: Interrupted. 0 copied (0\xa0bytes). Run it again to go on."


SETTINGS = """
STORAGES = {
    "default": {"BACKEND": MINIO, "OPTIONS": {**SERVER, "MINIO_DEFAULT_BUCKET": media}},
    "disk": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": f"{BASE}/files"},
    },
    "staticfiles": {"BACKEND": STATIC, "OPTIONS": {**SERVER, "MINIO_STATIC_FILES_BUCKET": static}},
}
"""


def test_three_workers_share_a_copy_and_one_that_died_goes_on(
    server: Server, tmp_path: Path
) -> None:
    site = new_site(server, tmp_path, "three workers")
    site.settings(SETTINGS)
    site.manage("initialize_buckets", "--silenced")
    names = [f"{number % 7}/{number}.txt" for number in range(300)]
    for name in names:
        path = site.folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    copying = ("copy_storage", "--from", "disk", "--to", "default", "-v2")
    workers = [site.start(*copying, "--shard", f"{number}/3") for number in (1, 2, 3)]
    dead = workers[1]
    assert dead.stdout
    assert dead.stdout.readline().endswith(": copied\n")
    dead.kill()
    outputs = [worker.communicate(timeout=60)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, -9, 0]
    again = site.manage(*copying, "--shard", "2/3")
    copied = [line for line in (outputs[0] + outputs[2]).splitlines() if line.endswith(": copied")]
    assert len(copied) == len(set(copied))  # no file was copied by two
    assert "failed" not in again
    whole = site.manage("copy_storage", "--from", "disk", "--to", "default", "--verify-only")
    assert whole == "300 the same.\n"


def test_a_share_deletes_only_what_is_extra_in_it(disk: Path) -> None:
    extra = [f"extra-{number}.txt" for number in range(20)]
    for name in extra:
        storages["default"].save(name, ContentFile(b"x"))
    share = Shard(1, 2)
    copy("disk", "default", delete_extra=True, interactive=False, shard=share)
    assert set(content("default")) & set(extra) == {n for n in extra if not share.holds(n)}


@pytest.mark.parametrize("command", ["copy_storage --from a --to b", "clean_orphaned_minio_files"])
def test_a_share_that_is_none_is_refused(command: str) -> None:
    with pytest.raises(CommandError, match="a share such as 1/4, from 1/4 to 4/4, not '4/3'"):
        call_command(*command.split(), "--shard", "4/3")
