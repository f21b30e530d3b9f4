from __future__ import annotations

import datetime
from typing import Any

import pytest
import urllib3

from django_minio_backend import MinioBackend
from django_minio_backend.storage.backend import list_storages
from tests.checks.conftest import BROKEN, EAGER, FINE, MINIO, STATIC, declare, found
from tests.projects import Site


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "buckets" not in request.fixturenames:
        monkeypatch.setattr("socket.socket.connect", lambda *args: pytest.fail("network"))


@pytest.mark.parametrize(
    ("wrong", "number", "text"),
    [
        (
            {"MINIO_ENPOINT": 1},
            "E001",
            "unknown option MINIO_ENPOINT. Did you mean MINIO_ENDPOINT?",
        ),
        ({"MINIO_ACCESS_KEY": ""}, "E002", "STORAGES['default']['OPTIONS'] lacks MINIO_ACCESS_KEY"),
        ({"MINIO_RETRIES": "many"}, "E003", "MINIO_RETRIES must be a whole number"),
        (
            {"MINIO_PRIVATE_BUCKETS": ["same"], "MINIO_PUBLIC_BUCKETS": ["same"]},
            "E004",
            "declared both private and public: same",
        ),
        ({"MINIO_ENDPOINT": "http://x"}, "E004", "its HTTPS option is True"),
        ({"MINIO_BUCKETS": {"nowhere": {}}}, "E004", "names 'nowhere', which is in neither"),
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
    declare(settings, {"MINIO_ENPOINT": 1, "MINIO_RETRIES": "many"})
    assert {"E001", "E002", "E003"} <= set(found())


def test_what_works_is_no_mistake(settings: Any) -> None:
    declare(settings, {**FINE, "bucket_name": "media-files", "num_parallel_uploads": 2})
    assert found() == {}
    declare(settings, FINE)
    own = {"BACKEND": "tests.checks.test_settings.OwnConstructor", "OPTIONS": {"tenant": "a"}}
    settings.STORAGES = {**settings.STORAGES, "tenant": own}
    assert found() == {}


class OwnConstructor(MinioBackend):
    def __init__(self, tenant: str) -> None:
        super().__init__(f"{tenant}-media-files", storage_name="default")


def test_a_setting_that_options_use_makes_no_storage(settings: Any) -> None:
    settings.MINIO_ENDPOINT = FINE["MINIO_ENDPOINT"]
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = {
        "default": files,
        "staticfiles": files,
        "media": {"BACKEND": MINIO, "OPTIONS": FINE},
    }
    assert [alias for alias, _ in list_storages()] == ["media"]
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


def test_a_move_that_cannot_work_is_an_error(settings: Any) -> None:
    dual = "django_minio_backend.models.DualReadStorage"
    for urls, options, fault in [
        ("tests.storage.test_dual", {"new": "staticfiles", "old": "default"}, ""),
        ("tests.storage.test_dual", {"new": "nowhere", "old": "default"}, "'nowhere'"),
        ("tests.storage.test_dual", {"new": "default"}, "'old'"),
        ("tests.test_views", {"new": "staticfiles", "old": "default"}, "dual_urls"),
    ]:
        declare(settings, FINE)
        settings.STORAGES["moving"] = {"BACKEND": dual, "OPTIONS": options}
        settings.ROOT_URLCONF = urls
        told = found()
        assert list(told) == (["E009"] if fault else [])
        assert fault in told.get("E009", "")


def test_check_lists_all_mistakes_though_storages_are_made_while_models_load(site: Site) -> None:
    site.settings(BROKEN)
    site.write("shop/models", EAGER)
    printed = site.manage("check", fails=True)
    assert "Traceback" not in printed
    for expected in (
        "(django_minio_backend.E001) STORAGES['default']['OPTIONS'] has the unknown option",
        "(django_minio_backend.E003) Storage 'default': MINIO_RETRIES must be a whole number",
        "(django_minio_backend.E002) STORAGES['second']['OPTIONS'] lacks MINIO_ACCESS_KEY",
        "(django_minio_backend.E003) Storage 'bgfiles': MINIO_PRIVATE_BUCKETS holds the invalid",
        "(bgfiles.E001)",
    ):
        assert expected in printed
    assert "Traceback" not in site.manage("migrate", fails=True)
