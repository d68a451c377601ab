"""Settings come from flags, environment and file, in this order, and wrong ones are said in one line each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from countyfhir.cli.options import told_to_workers
from countyfhir.settings import Settings, SettingsError, contradictions, load

GOOD = {
    "store": "sqlite:other.sqlite", "synchronous": "normal", "reader_threads": 2, "load_definitions": "off",
    "read_preference": "secondaryPreferred", "read_concern": "local", "write_concern": "2",
    "transaction_bytes": 2_097_152, "host": "localhost", "port": 9000, "workers": 3,
    "base_url": "https://county.example/fhir", "trusted_proxies": ("10.0.0.0/8", "::1"),
    "allowed_hosts": ("county.example",), "cors_origins": ("*",), "gzip_min_bytes": 10, "shutdown_grace_seconds": 5,
    "auth": "both", "issuer": "https://login.example", "audience": "fhir", "jwks": "keys.json",
    "token_endpoint": "https://login.example/token", "audit": "strict", "audit_retention_days": 400,
    "audit_queue_size": 50, "validation": "off", "update_create": "refuse", "conditional_delete_multiple": "on",
    "delete_referenced": "allow", "time_zone": "Asia/Urumqi", "max_body_bytes": 2048, "bundle_max_entries": 7,
    "default_count": 5, "max_count": 50, "include_limit": 9, "search_time_limit": 1.5, "mappings": (Path("m"),),
    "profiles": (Path("p"), Path("q")), "terminology": (Path("t"),), "concept_index": "c.terminology",
    "profile_checks": ("*=warn", "Patient@ward=enforce"), "required_profiles": ("Patient=https://x.example/p",),
    "unknown_extensions": "warning", "mllp_host": "0.0.0.0", "mllp_port": 2600, "mllp_metrics_host": "::1",
    "mllp_metrics_port": 9108, "mllp_peers": Path("peers.yaml"),
    "mllp_certificate": Path("c.pem"), "mllp_key": Path("k.pem"), "mllp_client_ca": Path("ca.pem"),
    "mllp_max_bytes": 2048, "mllp_idle_seconds": 5.5, "mllp_frame_seconds": 2.5, "mllp_connections": 9,
    "reference_checks": "exists", "person_index": "off", "person_rules": Path("rules.yaml"), "log_level": "debug",
    "log_format": "json", "metrics": "key", "open_telemetry": "http://collector:4318", "disk_reserve_mb": 1,
    "notifications": "off", "notification_endpoints": ("*.county.example", "10.20.0.0/16"),
    "notification_give_up_hours": 1.5, "notification_first_retry_seconds": 0.5, "notification_keep_days": 0.25,
    "notification_longest_retry_seconds": 60.0, "notification_timeout_seconds": 2.5, "workflow": "off",
    "workflow_tick": 5.0, "record_access": "open", "security_labels": "off",
}  # fmt: skip
"""A value other than the default for every setting."""

BAD = {
    "store": "mysql:x", "synchronous": "off", "reader_threads": 0, "load_definitions": "maybe", "port": 70000,
    "read_preference": "any", "read_concern": "linear", "write_concern": "0", "transaction_bytes": 1, "workers": 0,
    "base_url": "county.example", "trusted_proxies": "next door", "gzip_min_bytes": -1,
    "shutdown_grace_seconds": "long", "auth": "password", "token_endpoint": "ftp://x", "audit": "sometimes",
    "audit_retention_days": -1, "audit_queue_size": 0, "validation": "half", "update_create": "on",
    "conditional_delete_multiple": "2", "delete_referenced": "no", "time_zone": "Mars/Base", "max_body_bytes": 1,
    "bundle_max_entries": 0, "default_count": 0, "max_count": "all", "include_limit": -1, "search_time_limit": 0,
    "person_index": "perhaps", "profile_checks": "Patient:warn", "required_profiles": "Patient",
    "reference_checks": "maybe", "unknown_extensions": "error", "mllp_port": 0, "mllp_max_bytes": 10,
    "mllp_metrics_port": -1,
    "mllp_idle_seconds": 0, "mllp_frame_seconds": -1, "mllp_connections": 0, "log_level": "loud", "log_format": "xml",
    "metrics": "all", "open_telemetry": "collector", "disk_reserve_mb": -1,
    "notifications": "some", "notification_give_up_hours": 0, "notification_first_retry_seconds": -1,
    "notification_longest_retry_seconds": 0, "notification_timeout_seconds": 61, "notification_keep_days": 0,
}  # fmt: skip


def as_text(value: object) -> str:
    """A value as a flag or a variable carries it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_every_setting_has_a_case_here() -> None:
    """A new setting is tested, or this says so; its default differs from the tested value."""
    assert set(GOOD) == set(Settings.model_fields)
    assert [name for name, value in GOOD.items() if getattr(load(), name) == value] == []


@pytest.mark.parametrize("name", GOOD)
def test_a_setting_comes_by_flag_variable_and_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All three ways give the same value; a flag wins over a variable and a variable over the file."""
    value = GOOD[name]
    assert getattr(load({name: as_text(value)}), name) == value
    written = [str(part) for part in value] if isinstance(value, tuple) else value
    written = str(written) if isinstance(written, Path) else written
    file = tmp_path / "c.toml"
    file.write_text(f"{name} = {written!r}\n")
    assert getattr(load({}, file), name) == value
    default = getattr(Settings(), name)
    if default not in (None, ()):
        monkeypatch.setenv(f"COUNTYFHIR_{name.upper()}", as_text(default))
        assert getattr(load({}, file), name) == default
    monkeypatch.setenv(f"COUNTYFHIR_{name.upper()}", as_text(value))
    assert getattr(load(), name) == value
    if default not in (None, ()):
        assert getattr(load({name: as_text(default)}), name) == default


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_value_is_one_clear_line(name: str) -> None:
    """The line begins with the name of the setting."""
    with pytest.raises(SettingsError) as caught:
        load({name: BAD[name]})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(name)


def test_all_problems_are_told_at_once() -> None:
    """Three wrong settings are three lines."""
    with pytest.raises(SettingsError) as caught:
        load({"port": "x", "audit": "x", "max_count": "x"})
    assert len(caught.value.problems) == 3


def test_misspelt_names_are_refused_with_the_right_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A misspelt setting is never ignored, in the file or in the environment."""
    file = tmp_path / "c.toml"
    file.write_text("prot = 1\n")
    monkeypatch.setenv("COUNTYFHIR_AUHT", "keys")
    with pytest.raises(SettingsError) as caught:
        load({}, file)
    assert [re.findall(r"did you mean (\w+)", line) for line in caught.value.problems] == [
        ["COUNTYFHIR_AUTH"],
        ["port"],
    ]


@pytest.mark.parametrize("text", ["port = = 1", "port = 1\nport = 2", "\x00"])
def test_a_broken_file_is_one_clear_line(tmp_path: Path, text: str) -> None:
    """The line names the file."""
    file = tmp_path / "c.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"c\.toml is not valid TOML"):
        load({}, file)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    """Only the default file may be missing."""
    with pytest.raises(SettingsError, match="cannot be read"):
        load({}, tmp_path / "none.toml")


def test_workers_read_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever else stands in the environment and in the file, which is read once."""
    given = load({name: as_text(value) for name, value in GOOD.items()})
    (tmp_path / "countyfhir.toml").write_text("port = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTYFHIR_COUNT", "no setting")
    with told_to_workers(given):
        assert load() == given
    assert os.environ["COUNTYFHIR_COUNT"] == "no setting"


def test_other_addresses_need_authentication() -> None:
    """Without authentication only the loopback address is served."""
    assert contradictions(load({"host": "::1"})) == []
    assert contradictions(load({"host": "localhost"})) == []
    assert contradictions(load({"host": "0.0.0.0", "auth": "keys"})) == []
    for host in ("0.0.0.0", "::", "192.0.2.1", "county.example"):
        assert [host in line for line in contradictions(load({"host": host}))] == [True]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"auth": "jwt", "jwks": "k"}, "issuer"),
        ({"auth": "both", "issuer": "i"}, "jwks"),
        ({"auth": "keys", "issuer": "i", "audience": "a"}, "issuer, audience"),
        ({"default_count": 10, "max_count": 9}, "default_count"),
        ({"mappings": "/no/such/folder"}, "mappings"),
    ],
)
def test_contradictions_are_told(settings: dict[str, object], words: str) -> None:
    """One line names the settings that cannot be true together."""
    assert [words in line for line in contradictions(load(settings))] == [True]


def test_passwords_of_the_store_are_not_shown() -> None:
    """The address of a store may hold a password; what people and logs see does not."""
    settings = load({"store": "mongodb://county:secret@db.example/county"})
    assert settings.store_name == "mongodb://***@db.example/county"
    with pytest.raises(SettingsError) as caught:
        load({"store": "mongod://county:secret@db.example/county"})
    assert "secret" not in str(caught.value)


def test_links_can_be_written() -> None:
    """The address that people are shown follows from base_url, or from host and port."""
    assert load({"base_url": "https://c.example/fhir/"}).public_base == "https://c.example/fhir"
    assert load({"host": "::1", "port": "81"}).public_base == "http://[::1]:81/fhir"
