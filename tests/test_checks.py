from __future__ import annotations

import datetime
import functools
from typing import Any

import pytest
import urllib3
from django.apps.registry import Apps
from django.core import checks as django_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models

from django_minio_backend import MinioBackend, checks
from django_minio_backend.storage import configured
from tests.conftest import Buckets
from tests.hostile import closed_port

MINIO = "django_minio_backend.models.MinioBackend"
STATIC = "django_minio_backend.models.MinioBackendStatic"
FINE: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio.example.com",
    "MINIO_ACCESS_KEY": "key",
    "MINIO_SECRET_KEY": "secret",
    "MINIO_USE_HTTPS": True,
    "MINIO_DEFAULT_BUCKET": "media-files",
    "MINIO_STATIC_FILES_BUCKET": "static-files",
    "MINIO_URL_EXPIRY_HOURS": datetime.timedelta(hours=1),
}


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "buckets" not in request.fixturenames:
        monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("network"))


def declare(settings: Any, default: dict[str, Any], static: dict[str, Any] | None = None) -> None:
    settings.STORAGES = {
        "default": {"BACKEND": MINIO, "OPTIONS": default},
        "staticfiles": {"BACKEND": STATIC, "OPTIONS": FINE if static is None else static},
    }


def found(*, deploy: bool = False, tags: list[str] | None = None) -> dict[str, str]:
    """Return the text and the hint of each message of ours by its id."""
    messages = django_checks.run_checks(tags=tags, include_deployment_checks=deploy)
    return {
        str(message.id).removeprefix("django_minio_backend."): f"{message.msg} {message.hint}"
        for message in messages
        if str(message.id).startswith("django_minio_backend.")
    }


def test_what_is_fine_is_fine(settings: Any) -> None:
    declare(settings, FINE)
    assert found(deploy=True) == {}


@pytest.mark.parametrize(
    ("wrong", "number", "text"),
    [
        (
            {"MINIO_ENPOINT": 1},
            "E001",
            "unknown option MINIO_ENPOINT. Did you mean MINIO_ENDPOINT?",
        ),
        ({"MINIO_ACCESS_KEY": ""}, "E002", "STORAGES['default']['OPTIONS'] lacks MINIO_ACCESS_KEY"),
        ({"MINIO_RETRIES": "3"}, "E003", "MINIO_RETRIES must be a whole number"),
        (
            {"MINIO_PRIVATE_BUCKETS": ["same"], "MINIO_PUBLIC_BUCKETS": ["same"]},
            "E004",
            "declared both private and public: same",
        ),
        ({"MINIO_ENDPOINT": "http://x"}, "E004", "its HTTPS option is True"),
        ({"MINIO_BUCKETS": {"nowhere": {}}}, "E004", "names 'nowhere', which is in neither"),
        ({"MINIO_PUBLIC_BUCKETS": ["static-files"]}, "E005", "which storage 'default' declares"),
        ({"MINIO_POLICY_HOOKS": "no.where"}, "E007", "MINIO_POLICY_HOOKS No module named"),
        ({"MINIO_POLICY_HOOKS": [("media-files", {})]}, "E007", "a policy that has no list of"),
    ],
)
def test_a_mistake_is_an_error(
    settings: Any, wrong: dict[str, Any], number: str, text: str
) -> None:
    declare(settings, {**FINE, **wrong})
    messages = found()
    assert set(messages) == {number}
    assert text in messages[number]


def test_all_mistakes_of_a_kind_are_told_at_once(settings: Any) -> None:
    declare(settings, {"MINIO_ENPOINT": 1, "MINIO_RETRIES": "3"})
    assert {"E001", "E002", "E003"} <= set(found())


def test_a_bucket_private_here_and_public_there_is_an_error(settings: Any) -> None:
    declare(settings, FINE)
    public = {**FINE, "MINIO_PUBLIC_BUCKETS": ["media-files"]}
    settings.STORAGES["second"] = {"BACKEND": MINIO, "OPTIONS": public}
    assert "Private by storage 'default' and public by 'second'" in found()["E006"]


def test_what_works_is_no_mistake(settings: Any) -> None:
    declare(settings, {**FINE, "bucket_name": "media-files", "num_parallel_uploads": 2})
    assert found() == {}
    declare(settings, FINE)
    own = {"BACKEND": "tests.test_checks.OwnConstructor", "OPTIONS": {"tenant": "a"}}
    settings.STORAGES = {**settings.STORAGES, "tenant": own}
    assert found() == {}


class OwnConstructor(MinioBackend):
    def __init__(self, tenant: str) -> None:
        super().__init__(f"{tenant}-media-files", storage_name="default")


@pytest.mark.parametrize(
    "broken", [{"BACKEND": "no.where"}, {}, {"BACKEND": MINIO, "OPTIONS": None}]
)
def test_what_cannot_be_made_does_not_break_the_checks(settings: Any, broken: Any) -> None:
    declare(settings, FINE)
    settings.STORAGES = {**settings.STORAGES, "broken": broken}
    assert set(found()) <= {"E002"}


def test_a_setting_that_options_use_makes_no_storage(settings: Any) -> None:
    settings.MINIO_ENDPOINT = FINE["MINIO_ENDPOINT"]
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = {
        "default": files,
        "staticfiles": files,
        "media": {"BACKEND": MINIO, "OPTIONS": FINE},
    }
    assert [alias for alias, _ in configured()] == ["media"]
    assert found() == {}


def test_an_option_beside_options_is_a_warning(settings: Any) -> None:
    declare(settings, FINE)
    settings.STORAGES["default"]["MINIO_REGION"] = "eu-west-1"
    assert "Move it into STORAGES['default']['OPTIONS']" in found()["W001"]


def test_a_setting_that_options_do_not_use_is_a_warning(settings: Any) -> None:
    declare(settings, FINE)
    settings.MINIO_ENDPOINT = FINE["MINIO_ENDPOINT"]  # what OPTIONS were made of
    settings.MINIO_URL_CACHING_ENABLED = True  # read from there
    assert found() == {}
    settings.MINIO_REGION = "eu-west-1"
    assert "The setting MINIO_REGION has no effect outside STORAGES" in found()["W001"]


@pytest.fixture
def flat(settings: Any) -> Any:
    for name, value in FINE.items():
        setattr(settings, name.replace("MINIO_DEFAULT_BUCKET", "MINIO_MEDIA_FILES_BUCKET"), value)
    settings.MINIO_HTTP_CLIENT = urllib3.PoolManager()
    settings.STORAGES = {"default": {"BACKEND": MINIO}, "staticfiles": {"BACKEND": STATIC}}
    return settings


@pytest.mark.filterwarnings("ignore:MINIO_")
def test_version_3s_settings_are_a_warning_with_what_to_write_instead(flat: Any) -> None:
    message = found()["W002"]
    block = message.partition("Write instead:")[2]
    assert '"MINIO_SECRET_KEY": os.environ["MINIO_SECRET_KEY"]' in block
    assert "'secret'" not in block
    environment = {"os": type("os", (), {"environ": FINE}), "datetime": datetime}
    written: dict[str, Any] = {}
    exec(block, {**environment, "MINIO_HTTP_CLIENT": flat.MINIO_HTTP_CLIENT}, written)
    before = MinioBackend().options
    for name in dir(flat):
        if name.startswith("MINIO_"):
            delattr(flat, name)
    flat.STORAGES = written["STORAGES"]
    assert found() == {}
    assert MinioBackend().options == before


def test_fields_alone_may_use_version_3s_settings(flat: Any) -> None:
    flat.STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    assert '"minio": {"BACKEND": "django_minio_backend.' in found()["W002"]


def model_with(field: models.Field[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    meta = type("Meta", (), {"app_label": "some_app", "apps": Apps()})
    body = {"__module__": __name__, "Meta": meta, "file": field}
    model = type("SomeModel", (models.Model,), body)
    monkeypatch.setattr("django_minio_backend.checks.apps.get_models", lambda: [model])


def test_a_field_whose_bucket_is_declared_nowhere_is_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(settings, FINE)
    model_with(models.FileField(storage=MinioBackend("some-other-files")), monkeypatch)
    assert (
        "The bucket 'some-other-files' of some_app.SomeModel.file is declared by no storage"
        in found()["W003"]
    )
    model_with(models.FileField(storage=MinioBackend()), monkeypatch)
    assert found() == {}


def test_a_field_of_a_broken_default_storage_is_the_storages_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(settings, {**FINE, "MINIO_ENPOINT": 1})
    model_with(models.FileField(), monkeypatch)
    assert set(found()) == {"E001"}


def test_the_order_of_apps_is_a_warning(settings: Any) -> None:
    declare(settings, FINE)
    apps = [app for app in settings.INSTALLED_APPS if "minio" not in app]
    ours = "django_minio_backend.apps.DjangoMinioBackendConfig"
    settings.INSTALLED_APPS = [ours, *apps]
    assert found() == {}
    settings.INSTALLED_APPS = [*apps, ours]
    assert "Put django_minio_backend before" in found()["W004"]
    declare(settings, FINE)
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    assert found() == {}


@pytest.mark.parametrize(
    ("weak", "number", "text"),
    [
        ({"MINIO_USE_HTTPS": False}, "W005", "plain HTTP to minio.example.com"),
        (
            {"MINIO_EXTERNAL_ENDPOINT": "http://files.example.com"},
            "W005",
            "plain HTTP to files.example.com",
        ),
        ({"MINIO_SECRET_KEY": "minioadmin"}, "W006", "credentials that everybody knows"),
        ({"MINIO_URL_EXPIRY_HOURS": datetime.timedelta(days=7)}, "W007", "work for 7 days"),
    ],
)
def test_what_is_weak_in_production_is_a_warning_for_deployments(
    settings: Any, weak: dict[str, Any], number: str, text: str
) -> None:
    declare(settings, {**FINE, **weak})
    assert found() == {}
    messages = found(deploy=True)
    assert set(messages) == {number}
    assert text in messages[number]


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000", "minio:9000"])
def test_plain_http_at_home_is_fine(settings: Any, host: str) -> None:
    declare(settings, {**FINE, "MINIO_ENDPOINT": host, "MINIO_USE_HTTPS": False})
    assert found(deploy=True) == {}


def test_the_network_is_asked_by_its_tag_only(buckets: Buckets) -> None:
    assert found(tags=["minio"]) == {}
    MinioBackend(buckets.public).s3.set_policy(None)
    assert f"'{buckets.public}' of storage 'default' is not as" in found(tags=["minio"])["W008"]
    with closed_port() as endpoint:
        buckets.change(MINIO_ENDPOINT=endpoint)
        assert found() == {}
        assert found(tags=["files"]) == {}
        assert "is NOT available" in found(tags=["minio"])["E008"]
        with pytest.raises(SystemCheckError, match="is NOT available"):
            call_command("check", tags=["minio"])


def test_a_clock_that_differs_is_a_warning(
    buckets: Buckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "django_minio_backend.transport.Transport.clock_difference",
        datetime.timedelta(seconds=-300),
    )
    assert "clock differs by -300" in found(tags=["minio"])["W009"]


def test_ids_are_unique() -> None:
    made = [value for value in vars(checks).values() if isinstance(value, functools.partial)]
    ids = [factory("text").id for factory in made]
    assert len(ids) == len(set(ids)) == 18


def test_a_move_that_cannot_work_is_an_error(settings: Any) -> None:
    dual = "django_minio_backend.models.DualReadStorage"
    for urls, options, fault in [
        ("tests.test_dual", {"new": "staticfiles", "old": "default"}, ""),
        ("tests.test_dual", {"new": "nowhere", "old": "default"}, "'nowhere'"),
        ("tests.test_dual", {"new": "default"}, "'old'"),
        ("tests.test_views", {"new": "staticfiles", "old": "default"}, "dual_urls"),
    ]:
        declare(settings, FINE)
        settings.STORAGES["moving"] = {"BACKEND": dual, "OPTIONS": options}
        settings.ROOT_URLCONF = urls
        told = found()
        assert list(told) == (["E009"] if fault else [])
        assert fault in told.get("E009", "")
