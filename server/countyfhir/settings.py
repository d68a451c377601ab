"""Every setting once: name, type, default and one sentence; flags, COUNTYFHIR_* variables, the TOML file and the table in
docs/settings.md all follow from here."""

from __future__ import annotations

import difflib
import importlib.util
import ipaddress
import os
import socket
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from countyfhir.access.listen import is_loopback, refuse_to_listen
from countyfhir.mllp.allowed import refuse_to_listen as refuse_messages
from countyfhir.subscriptions.endpoints import Policy
from countyfhir.subscriptions.options import Options
from countyfhir.validation import requirements

PREFIX = "COUNTYFHIR_"
CONFIG_VARIABLE = "COUNTYFHIR_CONFIG"
DEFAULT_CONFIG = "countyfhir.toml"


class SettingsError(Exception):
    """Settings that cannot stand; ``problems`` has one clear line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


def _split(value: object) -> object:
    """A comma-separated text as a list; a list as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _switch(value: object) -> object:
    """TOML's true and false as ``on`` and ``off``; words in any case."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value.strip().lower() if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split)]
Switch = Annotated[Literal["off", "on"], BeforeValidator(_switch)]


def _checks(value: object) -> object:
    """``on`` is everything."""
    return "full" if _switch(value) == "on" else _switch(value)


def _one_of(group: str, default: Any, text: str, **limits: Any) -> Any:
    """A field of the table: ``group`` is its heading in the documentation."""
    return Field(default=default, description=text, json_schema_extra={"group": group}, validate_default=True, **limits)


_from_file: ContextVar[Mapping[str, Any]] = ContextVar("settings_from_file", default=MappingProxyType({}))


class Settings(BaseSettings):
    """The settings of one process, checked. Flags win over the environment, the environment over the TOML file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    # fmt: off
    store: str = _one_of("Store", "sqlite:countyfhir.sqlite", "Where resources are kept: sqlite:PATH or mongodb://HOST/DATABASE.")
    synchronous: Annotated[Literal["full", "normal"], BeforeValidator(_switch)] = _one_of("Store", "full", "SQLite durability: full survives a power cut, normal only the end of the process.")
    reader_threads: int = _one_of("Store", 4, "Threads a worker keeps for searches in the embedded store.", ge=1, le=64)
    read_preference: Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] = _one_of("Store", "primary", "MongoDB: which members answer searches and history; reads by id always ask the primary.")
    read_concern: Annotated[Literal["majority", "local"], BeforeValidator(_switch)] = _one_of("Store", "majority", "MongoDB: majority reads what no failover takes back, local the newest.")
    write_concern: str = _one_of("Store", "majority", "MongoDB: how many members hold a write before it is acknowledged: majority or a number.", pattern="^(majority|[1-9][0-9]?)$")
    transaction_bytes: int = _one_of("Store", 134_217_728, "MongoDB: most bytes, bodies and index entries, that one transaction writes; beyond it 413.", ge=1_048_576)
    load_definitions: Switch = _one_of("Store", "on", "Whether the definitions of R4 and of the county (profiles, forms, tables) can be read and searched.")

    host: str = _one_of("Network", "127.0.0.1", "Address to listen on; other than loopback only with authentication.")
    port: int = _one_of("Network", 8080, "TCP port to listen on.", ge=1, le=65535)
    workers: int = _one_of("Network", 1, "Server processes that share the port and the store.", ge=1, le=256)
    base_url: str | None = _one_of("Network", None, "Public address of the FHIR endpoint, used in links and references; unset: what the Host header says.")
    trusted_proxies: Texts = _one_of("Network", (), "Addresses or networks whose X-Forwarded-For, -Proto and -Host are believed.")
    allowed_hosts: Texts = _one_of("Network", (), "Values of the Host header that are answered without authentication; unset: loopback names and the host of base_url.")
    cors_origins: Texts = _one_of("Network", (), "Browser origins that may call the API, or *; unset: none.")
    gzip_min_bytes: int = _one_of("Network", 1400, "Answers shorter than this are sent uncompressed.", ge=0)
    shutdown_grace_seconds: int = _one_of("Network", 30, "Seconds that requests in flight get to finish when the server stops.", ge=0, le=3600)

    auth: Annotated[Literal["none", "keys", "jwt", "both"], BeforeValidator(_switch)] = _one_of("Security", "none", "How callers are known: none (loopback only), keys (API keys), jwt (signed tokens) or both.")
    issuer: str | None = _one_of("Security", None, "The iss claim that tokens must carry.")
    audience: str | None = _one_of("Security", None, "The aud claim that tokens must carry; unset: base_url.")
    jwks: str | None = _one_of("Security", None, "Address or file of the JSON Web Key Set that signs tokens.")
    token_endpoint: str | None = _one_of("Security", None, "Address where clients get tokens, told in .well-known/smart-configuration.")

    record_access: Literal["relation", "open"] = _one_of("Security", "relation", "Which residents' records keys and tokens of an institution see: those it has a relation to by the table rules/access.yaml (relation), or all that their scopes allow (open).")
    security_labels: Switch = _one_of("Security", "on", "Whether infectious-disease, psychiatric and other sensitive data are labelled when they are written, and shown to institutions only with the roles of the table rules/security-labels.yaml.")

    audit: Annotated[Literal["grouped", "strict", "off"], BeforeValidator(_switch)] = _one_of("Audit", "grouped", "When reads are recorded: grouped (within a second), strict (before the answer) or off.")
    audit_retention_days: int = _one_of("Audit", 0, "Days that audit records are kept; 0 keeps them for good.", ge=0)
    audit_queue_size: int = _one_of("Audit", 10_000, "Audit records that may wait for their commit; beyond it callers wait.", ge=1)

    validation: Annotated[Literal["full", "structure", "off"], BeforeValidator(_checks)] = _one_of("Behaviour", "full", "What every write is checked against: full (all of R4's rules, invariants included), structure (without invariants) or off.")
    unknown_extensions: Annotated[Literal["off", "information", "warning"], BeforeValidator(_switch)] = _one_of("Behaviour", "information", "What is said of an extension whose definition is not known: off (nothing), information or warning.")
    profile_checks: Texts = _one_of("Behaviour", ("*=warn",), "Whether profiles that are claimed or required are checked on write: TYPE=MODE or TYPE@ORGANIZATION=MODE, MODE off, warn (told where Prefer asks for an OperationOutcome) or enforce; * is every type; the most particular counts.")
    required_profiles: Texts = _one_of("Behaviour", (), "Profiles that resources must conform to whether they claim them or not: TYPE=CANONICAL.")
    reference_checks: Literal["off", "exists", "placeholder"] = _one_of("Behaviour", "off", "What happens on write to references to resources that are not here: nothing (off), they are refused (exists), or an empty resource is made (placeholder).")
    update_create: Literal["allow", "refuse"] = _one_of("Behaviour", "allow", "Whether a PUT to an unused id creates the resource.")
    conditional_delete_multiple: Switch = _one_of("Behaviour", "off", "Whether a conditional delete may delete several matches.")
    delete_referenced: Literal["refuse", "allow"] = _one_of("Behaviour", "refuse", "Whether a resource that others point to may be deleted.")
    person_index: Switch = _one_of("Behaviour", "on", "Whether records of one person are found and linked when Patients are written.")
    person_rules: Path | None = _one_of("Behaviour", None, "YAML file with weights and thresholds of the index of persons; unset: those that ship.")
    workflow: Switch = _one_of("Behaviour", "on", "Whether the rules of the county's workflows (referrals, reading centres, chronic care, contracts) are applied to what is written.")
    workflow_tick: float = _one_of("Behaviour", 2.0, "Seconds between looks at Tasks whose timer has come.", gt=0, le=3600)
    time_zone: str = _one_of("Behaviour", "Asia/Shanghai", "Time zone of dates and times that carry none.")

    max_body_bytes: int = _one_of("Limits", 67_108_864, "Largest request body in bytes, after decompression; beyond it 413.", ge=1024)
    bundle_max_entries: int = _one_of("Limits", 10_000, "Most entries of a batch or transaction; beyond it 413.", ge=1)
    default_count: int = _one_of("Limits", 20, "Matches on a search page when _count is not given.", ge=1)
    max_count: int = _one_of("Limits", 1000, "Most matches on a search page, whatever _count says.", ge=1)
    include_limit: int = _one_of("Limits", 1000, "Most resources that _include and _revinclude add to a page.", ge=0)
    search_time_limit: float = _one_of("Limits", 10.0, "Seconds a search may take; beyond it 503.", gt=0)

    mappings: Paths = _one_of("County", (), "Further folders of mapping files, beside those that ship.")
    profiles: Paths = _one_of("County", (), "Further folders of profiles, beside those that ship.")
    concept_index: str | None = _one_of("County", None, "File of the concept index, on a local disk; unset: beside the SQLite store, its name with .terminology.")
    terminology: Paths = _one_of("County", (), "Further folders of code systems, value sets and concept maps, beside those that ship.")

    notifications: Switch = _one_of("Notifications", "on", "Whether Subscriptions are served: who asked is told of changes.")
    notification_endpoints: Texts = _one_of("Notifications", (), "Hosts (name, *.domain, each maybe with :port) and networks (10.20.0.0/16) that notifications may be sent to beside public addresses by https; this machine itself may be named while the server listens on loopback.")
    notification_give_up_hours: float = _one_of("Notifications", 72.0, "Hours for which a notification is tried; then it is a dead letter.", gt=0)
    notification_first_retry_seconds: float = _one_of("Notifications", 2.0, "Seconds until a failed notification is tried again; twice as long after each further failure.", gt=0)
    notification_longest_retry_seconds: float = _one_of("Notifications", 3600.0, "Longest pause between two attempts, in seconds.", gt=0)
    notification_timeout_seconds: float = _one_of("Notifications", 10.0, "Seconds in which an endpoint must answer, where the Subscription names none.", gt=0, le=60)
    notification_keep_days: float = _one_of("Notifications", 7.0, "Days for which events that were notified can be asked for with $events.", gt=0)

    mllp_host: str = _one_of("HL7 v2 listener", "127.0.0.1", "Address that countyfhir listen takes HL7 v2 messages on; other than loopback only with mllp_peers and TLS.")
    mllp_port: int = _one_of("HL7 v2 listener", 2575, "TCP port of the HL7 v2 listener.", ge=1, le=65535)
    mllp_metrics_host: str = _one_of("HL7 v2 listener", "127.0.0.1", "Address on which countyfhir listen gives /metrics, /healthz and /readyz of its own.")
    mllp_metrics_port: int = _one_of("HL7 v2 listener", 0, "TCP port for them; 0: none. Who may read the metrics is said by metrics.", ge=0, le=65535)
    mllp_peers: Path | None = _one_of("HL7 v2 listener", None, "YAML file of the senders: address or certificate of each, and the source its messages belong to.")
    mllp_certificate: Path | None = _one_of("HL7 v2 listener", None, "PEM file of the listener's TLS certificate (with its chain); unset: no TLS.")
    mllp_key: Path | None = _one_of("HL7 v2 listener", None, "PEM file of the private key of mllp_certificate.")
    mllp_client_ca: Path | None = _one_of("HL7 v2 listener", None, "PEM file of the authorities whose client certificates senders may show.")
    mllp_max_bytes: int = _one_of("HL7 v2 listener", 16_777_216, "Largest HL7 v2 message in bytes; beyond it AR.", ge=1024)
    mllp_connections: int = _one_of("HL7 v2 listener", 200, "Most connections of senders at a time.", ge=1, le=10_000)
    mllp_idle_seconds: float = _one_of("HL7 v2 listener", 600.0, "Seconds of silence after which a sender's connection ends.", gt=0)
    mllp_frame_seconds: float = _one_of("HL7 v2 listener", 30.0, "Seconds in which a message that has begun must have come whole, and its answer be read.", gt=0)

    metrics: Annotated[Literal["off", "local", "key"], BeforeValidator(_switch)] = _one_of("Monitoring", "local", "Who may read /metrics: nobody (off), this machine (local) or whoever has an API key or token (key).")
    open_telemetry: str | None = _one_of("Monitoring", None, "Address of an OTLP/HTTP collector that gets a span for each request; needs the extra opentelemetry.")
    disk_reserve_mb: int = _one_of("Monitoring", 64, "Free megabytes beside the embedded store below which /readyz says 503.", ge=0)

    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_switch)] = _one_of("Log", "info", "Least severity that is logged.")
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_switch)] = _one_of("Log", "text", "Log lines for people (text) or for machines (json).")
    # fmt: on

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the TOML file that ``load`` has read."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=dict(_from_file.get()))

    @field_validator("store")
    @classmethod
    def _store_is_known(cls, value: str) -> str:
        scheme, colon, rest = value.partition(":")
        if not colon or not rest or scheme not in ("sqlite", "mongodb", "mongodb+srv"):
            raise ValueError("must be sqlite:PATH or mongodb://HOST/DATABASE")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("must be a time zone of the IANA list, for example Asia/Shanghai") from None
        return value

    @field_validator("profile_checks", "required_profiles")
    @classmethod
    def _requirements_are_clear(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        checks = info.field_name == "profile_checks"
        requirements.read(value if checks else (), () if checks else value)
        return value

    @field_validator("base_url", "token_endpoint", "open_telemetry")
    @classmethod
    def _address_is_http(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/") if value else None

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network, strict=False)
        return value

    @property
    def sqlite_path(self) -> Path | None:
        """The file of the embedded store, or None for another store."""
        scheme, _, rest = self.store.partition(":")
        return Path(rest.removeprefix("//")).expanduser() if scheme == "sqlite" else None

    @property
    def concept_index_path(self) -> Path | None:
        """The file of the concept index; None (in memory) for a store that is no file, unless a setting names one."""
        if self.concept_index is not None:
            return Path(self.concept_index).expanduser()
        store = self.sqlite_path
        return store.with_name(store.name + ".terminology") if store is not None else None

    @property
    def store_name(self) -> str:
        """``store`` without a password, for people and logs."""
        scheme, separator, rest = self.store.partition("://")
        credentials, at, place = rest.rpartition("@")
        return f"{scheme}{separator}***@{place}" if separator and at and credentials else self.store

    @property
    def notification_options(self) -> Options:
        """How long and how often notifications are tried."""
        return Options(
            give_up=self.notification_give_up_hours * 3600,
            first=self.notification_first_retry_seconds,
            longest=self.notification_longest_retry_seconds,
            timeout=self.notification_timeout_seconds,
            keep=self.notification_keep_days * 86_400,
        )

    @property
    def notification_policy(self) -> Policy:
        """Where notifications may be sent."""
        return Policy(self.notification_endpoints, is_loopback(self.host))

    @property
    def public_base(self) -> str:
        """``base_url``, or what follows from host and port: an address to show to people."""
        if self.base_url:
            return self.base_url
        host = socket.gethostname() if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - a comparison
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/fhir"

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for worker processes."""
        return {
            PREFIX + name.upper(): ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for name, value in self
            if value is not None and value != ()
        }


def load(flags: Mapping[str, Any] | None = None, config: Path | None = None) -> Settings:
    """The settings from ``flags``, environment and TOML file (``config``, else COUNTYFHIR_CONFIG, else ./countyfhir.toml).

    Raises SettingsError with one line for each problem; a name that is no setting is a problem, wherever it stands.
    """
    problems = _unknown_variables()
    from_file = read_file(config)
    names = Settings.model_fields
    problems += [f"{name} in the settings file {_unknown(name, names)}" for name in from_file if name not in names]
    if problems:
        raise SettingsError(problems)
    token = _from_file.set(from_file)
    try:
        return Settings(**dict(flags or {}))
    except ValidationError as error:
        raise SettingsError([_sentence(problem) for problem in error.errors()]) from None
    finally:
        _from_file.reset(token)


def read_file(config: Path | None) -> dict[str, Any]:
    """What the TOML file says; nothing when none was named and ./countyfhir.toml is not there."""
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or Path(DEFAULT_CONFIG)
    if named is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"the settings file {path} cannot be read: {error.strerror}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"the settings file {path} is not valid TOML: {error}"]) from None


def contradictions(settings: Settings) -> list[str]:
    """What cannot be true together; the server refuses to start with any of it."""
    listening = refuse_to_listen(settings.host, settings.auth)
    encrypted = settings.mllp_certificate is not None and settings.mllp_key is not None
    messages = refuse_messages(settings.mllp_host, peers=settings.mllp_peers is not None, encrypted=encrypted)
    tokens = settings.auth in ("jwt", "both")
    token_settings = [name for name in ("issuer", "jwks", "audience", "token_endpoint") if getattr(settings, name)]
    rules = (
        (listening is not None, str(listening)),
        (tokens and not settings.issuer, f"auth {settings.auth} needs issuer"),
        (tokens and not settings.jwks, f"auth {settings.auth} needs jwks"),
        (
            bool(token_settings) and not tokens,
            f"{', '.join(token_settings)} without effect: auth is {settings.auth}, not jwt or both",
        ),
        (messages is not None, str(messages)),
        (
            (settings.mllp_certificate is None) != (settings.mllp_key is None),
            "mllp_certificate and mllp_key need each other",
        ),
        (
            settings.mllp_client_ca is not None and not encrypted,
            "mllp_client_ca without effect: mllp_certificate is unset",
        ),
        *(
            (path is not None and not path.is_file(), f"{name}: {path} is not a file")
            for name in ("mllp_peers", "mllp_certificate", "mllp_key", "mllp_client_ca")
            for path in (getattr(settings, name),)
        ),
        (settings.default_count > settings.max_count, "default_count is greater than max_count"),
        (
            settings.store.startswith("mongodb") and importlib.util.find_spec("countyfhir.store.mongodb") is None,
            "this version has no MongoDB store: set store to sqlite:PATH",
        ),
        (
            settings.open_telemetry is not None and not _installed("opentelemetry.sdk"),
            "open_telemetry needs more packages: pip install 'countyfhir[opentelemetry]'",
        ),
        *(
            (not folder.is_dir(), f"{name}: {folder} is not a folder")
            for name in ("mappings", "profiles", "terminology")
            for folder in getattr(settings, name)
        ),
    )
    return [sentence for holds, sentence in rules if holds]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package it would lie in
        return False


def _unknown_variables() -> list[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    given = (name for name in os.environ if name.upper().startswith(PREFIX))
    return [f"the variable {name} {_unknown(name.upper(), known)}" for name in given if name.upper() not in known]


def _unknown(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return "is not a setting" + (f"; did you mean {close[0]}?" if close else "; `countyfhir settings` lists them all")


def _sentence(problem: Any) -> str:
    """One line of a pydantic error: the setting, what was expected, what was given."""
    name = ".".join(str(part) for part in problem["loc"][:1])
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be ", "must be ")
    if problem["type"] == "extra_forbidden":
        return f"{name} {_unknown(name, Settings.model_fields)}"
    given = "" if name == "store" else f" is {problem['input']!r}"  # the address of a store may hold a password
    return f"{name}{given}: {message}"
