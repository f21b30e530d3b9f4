"""Buckets that static and other files share, and those that nobody creates by a command."""

from __future__ import annotations

import pytest

from tests.conftest import Fetch
from tests.projects import Site
from tests.yesterday.versions import V3, V4

FLAT = """
STORAGES = {{"default": {{"BACKEND": MINIO}}, "staticfiles": {{"BACKEND": {static_backend}}}}}
globals().update(SERVER)
MINIO_MEDIA_FILES_BUCKET = MINIO_STATIC_FILES_BUCKET = media
MINIO_PUBLIC_BUCKETS = [media]
MINIO_PRIVATE_BUCKETS = {private}
"""
SAVE = """
name = default_storage.save("docs/a.txt", ContentFile(b"content"))
Doc.objects.create(file=name)
show([name, default_storage.url(name), staticfiles_storage.url("site.css")])
"""
LINKS = 'show([default_storage.url("docs/a.txt"), staticfiles_storage.url("site.css")])'
OPTIONS = """
STORAGES = {{
    "default": {{
        "BACKEND": MINIO,
        "OPTIONS": {{**SERVER, {default}}},
    }},
    "staticfiles": {{"BACKEND": STATIC, "OPTIONS": {{**SERVER, {static}}}}},
}}
"""


@pytest.mark.parametrize("left_behind", [False, True])
@pytest.mark.parametrize("private", ["[]", "[other]"])
@pytest.mark.parametrize("static_backend", ["STATIC", "MINIO"])
def test_a_public_bucket_stays_public_whoever_else_names_it(
    site: Site, fetch: Fetch, left_behind: bool, private: str, static_backend: str
) -> None:
    site.settings(FLAT.format(private=private, static_backend=static_backend))
    before: list[str] = []
    if left_behind:
        site.manage("initialize_buckets", version=V3)
        site.deploy(V3)
        _, *before = site.shown(SAVE, V3)
    site.manage("initialize_buckets")
    site.deploy()
    if not left_behind:
        site.shown(SAVE)
    links = site.shown(LINKS)
    assert not any("?" in link for link in links)
    assert [fetch(link).status for link in [*links, *before]] == [200] * len([*links, *before])
    assert "collectstatic --clear" in site.manage("check")


@pytest.mark.parametrize("left_behind", [False, True])
def test_static_and_other_files_share_a_public_bucket(
    site: Site, fetch: Fetch, left_behind: bool
) -> None:
    shared = '"MINIO_DEFAULT_BUCKET": media, "MINIO_PUBLIC_BUCKETS": [media]'
    site.settings(OPTIONS.format(default=shared, static='"MINIO_STATIC_FILES_BUCKET": media'))
    if left_behind:
        site.manage("initialize_buckets", version=V4)
        site.deploy(V4)
        site.shown(SAVE, V4)
    site.manage("initialize_buckets")
    site.deploy()
    if not left_behind:
        site.shown(SAVE)
    assert "W011" in site.manage("check")
    # Neither command can tell whose files they are.
    site.shown('default_storage.save("docs/orphan.txt", ContentFile(b"x")); show([])')
    assert "deletes nothing" in site.manage("collectstatic", "--noinput", "--clear")
    assert "left alone" in site.manage("clean_orphaned_minio_files", "--older-than", "0")
    kept = (
        'show([default_storage.exists(n) for n in ("docs/a.txt", "docs/orphan.txt", "site.css")])'
    )
    assert site.shown(kept) == [True, True, True]
    assert [fetch(link).status for link in site.shown(LINKS)] == [200, 200]


def test_the_static_bucket_may_be_in_either_list_of_the_default_storage(
    site: Site, fetch: Fetch
) -> None:
    for listed in ("PUBLIC", "PRIVATE"):
        both = f'"MINIO_DEFAULT_BUCKET": media, "MINIO_{listed}_BUCKETS": [static]'
        site.settings(OPTIONS.format(default=both, static='"MINIO_STATIC_FILES_BUCKET": static'))
        assert "no issues" in site.manage("check")
        site.manage("initialize_buckets")
        site.deploy()
        site.shown(SAVE)
        media, static = site.shown(LINKS)
        assert ("?" in media, "?" in static) == (True, False)
        assert [fetch(link).status for link in (media, static)] == [200, 200]
        assert fetch(media.partition("?")[0]).status == 403


def test_one_bucket_has_public_static_files_below_a_location(site: Site, fetch: Fetch) -> None:
    default = '"MINIO_DEFAULT_BUCKET": media, "MINIO_LOCATION": "media"'
    static = '"MINIO_STATIC_FILES_BUCKET": media, "MINIO_LOCATION": "static"'
    site.settings(OPTIONS.format(default=default, static=static))
    assert "no issues" in site.manage("check")
    printed = site.manage("initialize_buckets")
    assert "private + static" in printed
    site.deploy()
    site.shown(SAVE)
    links = site.shown(LINKS)
    assert [fetch(link).status for link in links] == [200, 200]
    assert fetch(links[0].partition("?")[0]).status == 403
    site.manage("collectstatic", "--noinput", "--clear")
    assert "0 orphans" in site.manage("clean_orphaned_minio_files", "--older-than", "0")
    assert fetch(links[0]).status == 200


def test_a_private_root_with_public_static_files_in_it_works_and_is_told(
    site: Site, fetch: Fetch
) -> None:
    static = '"MINIO_STATIC_FILES_BUCKET": media, "MINIO_LOCATION": "static"'
    site.settings(OPTIONS.format(default='"MINIO_DEFAULT_BUCKET": media', static=static))
    assert "anybody can read files that it keeps below 'static/'" in site.manage("check")
    site.manage("initialize_buckets")
    site.deploy()
    site.shown(SAVE)
    media, style = site.shown(LINKS)
    assert [fetch(link).status for link in (media, style)] == [200, 200]
    assert fetch(media.partition("?")[0]).status == 403


@pytest.mark.parametrize(
    ("default", "static"),
    [
        ('"MINIO_DEFAULT_BUCKET": media', ""),
        ('"MINIO_DEFAULT_BUCKET": media, "MINIO_LOCATION": "media"', ""),
        (
            '"MINIO_DEFAULT_BUCKET": media, "MINIO_LOCATION": "a/b"',
            '"MINIO_LOCATION": "a"',
        ),
    ],
)
def test_private_files_within_public_ones_are_an_error(
    site: Site, default: str, static: str
) -> None:
    own = f'"MINIO_STATIC_FILES_BUCKET": media, {static}'
    site.settings(OPTIONS.format(default=default, static=own))
    printed = site.manage("check", fails=True)
    assert "E006" in printed
    assert "by storage 'default'" in printed
    assert "Give the public files a bucket, or a MINIO_LOCATION, of their own." in printed
    assert "anybody could read files" in site.manage("initialize_buckets", fails=True)


def test_a_field_that_is_private_in_the_bucket_of_static_files_is_an_error(site: Site) -> None:
    site.write(
        "shop/models",
        """
        from django.db import models
        from django_minio_backend import MinioBackend
        def private():
            return MinioBackend(bucket_name=__import__("config").static)
        class Doc(models.Model):
            file = models.FileField(storage=private)
        """,
    )
    both = '"MINIO_DEFAULT_BUCKET": media, "MINIO_PRIVATE_BUCKETS": [static]'
    site.settings(OPTIONS.format(default=both, static='"MINIO_STATIC_FILES_BUCKET": static'))
    assert "E006" in site.manage("check", fails=True)


@pytest.mark.parametrize("hook", ["static", "media"])
def test_migrate_and_collectstatic_create_what_is_missing(
    site: Site, fetch: Fetch, hook: str
) -> None:
    policy = """
"MINIO_CONSISTENCY_CHECK_ON_START": True, "MINIO_POLICY_HOOKS": [(%s, {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"],
                   "Resource": [f"arn:aws:s3:::{%s}/*"]}],
})]
""" % (hook, hook)  # noqa: UP031
    default = f'"MINIO_DEFAULT_BUCKET": media, {policy}'
    static = '"MINIO_STATIC_FILES_BUCKET": static, "MINIO_CONSISTENCY_CHECK_ON_START": True'
    site.settings(OPTIONS.format(default=default, static=static))
    assert "no issues" in site.manage("check")
    buckets = 'show([storages[alias].s3.bucket.exists() for alias in ("default", "staticfiles")])'
    asleep = [text.replace("True", "False") for text in (default, static)]
    site.settings(OPTIONS.format(default=asleep[0], static=asleep[1]))
    assert site.shown(buckets) == [False, False]
    site.settings(OPTIONS.format(default=default, static=static))
    for command in ("check", "makemigrations", "help"):
        site.manage(command)
    site.settings(OPTIONS.format(default=asleep[0], static=asleep[1]))
    assert site.shown(buckets) == [False, False]
    site.settings(OPTIONS.format(default=default, static=static))
    site.deploy()
    site.shown(SAVE)
    assert [fetch(link).status for link in site.shown(LINKS)] == [200, 200]


def test_version_3s_static_storage_creates_its_bucket(site: Site, fetch: Fetch) -> None:
    site.settings(
        """
        STORAGES = {"default": {"BACKEND": MINIO}, "staticfiles": {"BACKEND": STATIC}}
        globals().update(SERVER)
        MINIO_MEDIA_FILES_BUCKET, MINIO_STATIC_FILES_BUCKET = media, static
        MINIO_PRIVATE_BUCKETS = [media, static]
        """
    )
    site.deploy()
    assert fetch(site.shown('show([staticfiles_storage.url("site.css")])')[0]).status == 200


def test_version_4_filled_an_alias_from_the_default_one(site: Site, fetch: Fetch) -> None:
    site.settings(
        """
        STORAGES = {
            "default": {
                "BACKEND": MINIO,
                "OPTIONS": {**SERVER, "MINIO_DEFAULT_BUCKET": media,
                            "MINIO_PUBLIC_BUCKETS": [other]},
            },
            "docs": {"BACKEND": MINIO, "OPTIONS": {"MINIO_DEFAULT_BUCKET": other}},
            "same": {"BACKEND": MINIO, "OPTIONS": {**SERVER, "MINIO_DEFAULT_BUCKET": other}},
            "staticfiles": {"BACKEND": STATIC, "OPTIONS": {
                **SERVER, "MINIO_STATIC_FILES_BUCKET": static}},
        }
        """
    )
    save = """
    docs = storages["docs"]
    docs.check_bucket_existence()
    docs.set_bucket_to_public()
    show([docs.url(docs.save("a.txt", ContentFile(b"x")))])
    """
    (before,) = site.shown(save, V4)
    assert "no issues" in site.manage("check")
    site.manage("initialize_buckets")
    links = site.shown('show([storages[alias].url("a.txt") for alias in ("docs", "same")])')
    assert links == [before, before]
    assert fetch(before).status == 200
