from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tests.config.conftest import parse


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"MINIO_ENDPOINT": "host:9000/"}, "https://host:9000"),
        ({"MINIO_ENDPOINT": "https://host/"}, "https://host"),
        ({"MINIO_ENDPOINT": "host:443"}, "https://host"),
        ({"MINIO_ENDPOINT": "HTTP://host:80", "MINIO_USE_HTTPS": None}, "http://host"),
        ({"MINIO_ENDPOINT": "host", "MINIO_USE_HTTPS": None}, "http://host"),
        ({"MINIO_ENDPOINT": "[::1]:9000"}, "https://[::1]:9000"),
    ],
)
def test_an_endpoint_may_carry_scheme_port_and_slash(given: dict[str, Any], url: str) -> None:
    assert parse(**given).endpoint.url == url


@pytest.mark.parametrize(
    ("external", "secure", "url"),
    [
        ("cdn.example.com", None, "https://cdn.example.com"),
        ("cdn.example.com", False, "http://cdn.example.com"),
        ("http://cdn.example.com/files/", None, "http://cdn.example.com/files"),
        ("cdn.example.com/\u00e4", True, "https://cdn.example.com/%C3%A4"),
        (None, None, "https://minio.example.com:9000"),
    ],
)
def test_the_external_endpoint_may_differ_in_all(
    external: str | None, secure: bool | None, url: str
) -> None:
    given = {"MINIO_EXTERNAL_ENDPOINT": external, "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": secure}
    assert parse(**given).external_endpoint.url == url


def test_a_ca_file_may_be_a_path_object(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ca.pem").touch()
    assert parse(MINIO_CA_CERTS=tmp_path / "ca.pem").ca_certs == str(tmp_path / "ca.pem")
