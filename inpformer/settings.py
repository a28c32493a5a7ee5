"""Settings by environment variables: all of them in one table, which `docs/deploy.md` repeats.

`python -m inpformer.settings` prints that table. A further setting is one more row of `SETTINGS`
and, where this program reads it itself, one more field of `Settings`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inpformer.errors import ConfigError

MAX_MEGAPIXELS = 178  # a picture of so many takes 1.3 GB while it is read
_LEVELS = ("debug", "info", "warning", "error")
_YES, _NO = ("1", "on", "true", "yes"), ("0", "off", "false", "no")


@dataclass(frozen=True)
class Settings:
    """What the environment asks of the page.

    Attributes:
        model: What the page serves: `auto`, an encoder, a detector file or a Hub id.
        device: Where the network runs.
        host: Address to serve at.
        port: Port to serve at; None for the first free one from 7860 on.
        upload_megabytes: Largest file that a visitor may bring.
        visitors: Most visitors that are kept.
        idle_minutes: How long nothing may be heard of a visitor.
        queue: Most actions that may wait for their turn.
        queue_each: Most actions of one visitor that may wait.
        pictures: Most pictures of one job.
        shots: Most normal pictures of one fit.
        detectors: Most detectors of a visitor.
        visitor_megabytes: Most that is kept on the disk of a visitor.
        uploads_megabytes: Most that uploads and drawings of all take in the web server's cache.
        pull_megabytes: Most that visitors together bring from the Hub before the next start.
        stop_seconds: What running actions are given when the process is asked to end.
        log: The least that is logged.
        folders: Whether who sits at this very computer may name folders of it.
        mcp: Whether agents are served tools.
    """

    model: str = "auto"
    device: str = "auto"
    host: str = "127.0.0.1"
    port: int | None = None
    upload_megabytes: int = 100
    visitors: int = 64
    idle_minutes: int = 60
    queue: int = 64
    queue_each: int = 16
    pictures: int = 48
    shots: int = 16
    detectors: int = 6
    visitor_megabytes: int = 1000
    uploads_megabytes: int = 10_000
    pull_megabytes: int = 10_000
    stop_seconds: int = 20
    log: str = "info"
    folders: bool = True
    mcp: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read all settings that are set; an empty one is none.

        Args:
            environment: None takes the process's.

        Raises:
            ConfigError: A value cannot be used.
        """
        found = {each.field: each.value(environment) for each in SETTINGS if each.field}
        return cls(**{field: value for field, value in found.items() if value is not None})


@dataclass(frozen=True)
class Setting:
    """An environment variable.

    Attributes:
        name: As it is set.
        meaning: What it does, for the table.
        field: The field of `Settings` it sets; empty if something else reads it: `hub`, gradio,
            or the Hub's library.
        read: Turns its text into a value; a `ValueError` says what may be given.
        unset: What the table says of it when it is not set; empty takes the field's default.
    """

    name: str
    meaning: str
    field: str = ""
    read: Callable[[str], Any] = str
    unset: str = ""

    def value(self, environment: Mapping[str, str] | None = None) -> Any:
        """Return its value, None if it is not set.

        Raises:
            ConfigError: The value cannot be used.
        """
        text = (os.environ if environment is None else environment).get(self.name, "").strip()
        if not text:
            return None
        try:
            return self.read(text)
        except ValueError as error:
            raise ConfigError(
                f"The environment variable {self.name} is '{text}'; give {error}."
            ) from None

    @property
    def default(self) -> str:
        """What holds when it is not set, for the table."""
        if self.unset:
            return self.unset
        value = getattr(Settings, self.field)
        return f"`{('off', 'on')[value] if isinstance(value, bool) else value}`"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def read_port(text: str) -> int:
    """Return a port.

    Raises:
        ValueError: It is none; the message says what is.
    """
    return _whole(1, 65535)(text)


def _switch(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise ValueError("on or off")
    return text.lower() in _YES


def _level(text: str) -> str:
    if text.lower() not in _LEVELS:
        raise ValueError(f"one of {', '.join(_LEVELS)}")
    return text.lower()


def _folder(text: str) -> Path:
    return Path(text).expanduser()


SETTINGS = (
    Setting(
        "INPFORMER_MODEL",
        "what the page serves: `auto`, an encoder, a detector file, or a Hub id such as "
        "`user/repo` or `user/repo@revision`; `--model` wins",
        "model",
    ),
    Setting(
        "INPFORMER_DEVICE",
        "where the page's network runs: `auto`, `cpu`, `cuda`, `mps`; `--device` wins",
        "device",
    ),
    Setting(
        "INPFORMER_WEIGHTS",
        "a folder to look for encoder weights in, before `weights/`",
        read=_folder,
        unset="none",
    ),
    Setting(
        "INPFORMER_UPLOAD_MB",
        "largest file that a visitor may bring, megabytes, 1 to 10000",
        "upload_megabytes",
        _whole(1, 10_000),
    ),
    Setting(
        "INPFORMER_VISITORS",
        "most visitors that are kept, 1 to 10000; the one unseen for longest is forgotten first, "
        "and who fits or waits for a turn last",
        "visitors",
        _whole(1, 10_000),
    ),
    Setting(
        "INPFORMER_IDLE_MINUTES",
        "minutes without a sign of a visitor after which all of theirs is deleted, 1 to 240; also "
        "of an upload that no action used",
        "idle_minutes",
        _whole(1, 240),
    ),
    Setting(
        "INPFORMER_QUEUE",
        "most actions that may wait for their turn, 1 to 10000; further ones are told to come "
        "back later",
        "queue",
        _whole(1, 10_000),
    ),
    Setting(
        "INPFORMER_QUEUE_EACH",
        "most actions of one visitor among them, 1 to 10000; one click may be a few",
        "queue_each",
        _whole(1, 10_000),
    ),
    Setting(
        "INPFORMER_PICTURES",
        "most pictures that one job inspects, 1 to 48; further ones are left out, and said",
        "pictures",
        _whole(1, 48),
    ),
    Setting(
        "INPFORMER_MEGAPIXELS",
        f"largest picture or mask that is read, million pixels, 1 to {MAX_MEGAPIXELS}; the command "
        "heeds it, too",
        read=_whole(1, MAX_MEGAPIXELS),
        unset=f"`{MAX_MEGAPIXELS}`",
    ),
    Setting(
        "INPFORMER_SHOTS",
        "most normal pictures of one fit, 1 to 16",
        "shots",
        _whole(1, 16),
    ),
    Setting(
        "INPFORMER_DETECTORS",
        "most detectors that are kept of a visitor, 1 to 100; the oldest makes room, and it is "
        "said",
        "detectors",
        _whole(1, 100),
    ),
    Setting(
        "INPFORMER_VISITOR_MB",
        "most that is kept on the disk of one visitor, megabytes, 10 to 1000000",
        "visitor_megabytes",
        _whole(10, 1_000_000),
    ),
    Setting(
        "INPFORMER_UPLOADS_MB",
        "most that uploads and drawings of all take in the web server's cache, megabytes, 100 to "
        "1000000; the oldest that no action used make room, or further ones are refused",
        "uploads_megabytes",
        _whole(100, 1_000_000),
    ),
    Setting(
        "INPFORMER_PULL_MB",
        "most that visitors together bring from the Hub into its cache before the next start, "
        "megabytes, 1 to 10000000; does not bind who sits at the very computer",
        "pull_megabytes",
        _whole(1, 10_000_000),
    ),
    Setting(
        "INPFORMER_STOP_SECONDS",
        "when the process is asked to end, what running actions are given before they are told "
        "to stop, 0 to 3600",
        "stop_seconds",
        _whole(0, 3600),
    ),
    Setting(
        "INPFORMER_LOG",
        "the least that is logged: `debug`, `info` (a line for each action), `warning`, `error`; "
        "nothing that visitors bring is in any of it",
        "log",
        _level,
    ),
    Setting(
        "INPFORMER_FOLDERS",
        "`on`: who sits at the very computer may name folders of it (nobody else ever may, and "
        "nobody on a Space); `off`: nobody may",
        "folders",
        _switch,
    ),
    Setting(
        "INPFORMER_MCP",
        "`on`: agents are served `inspect`, `fit` and `explain` as tools (MCP); `--mcp` does the "
        "same",
        "mcp",
        _switch,
    ),
    Setting("GRADIO_SERVER_NAME", "address to serve at; `--host` wins", "host"),
    Setting(
        "GRADIO_SERVER_PORT",
        "port to serve at; `--port` wins",
        "port",
        read_port,
        "the first free one from 7860 on",
    ),
    Setting(
        "GRADIO_ROOT_PATH",
        "path, or address, under which a proxy shows the page",
        unset="none",
    ),
    Setting(
        "GRADIO_TEMP_DIR",
        "folder for what visitors bring; deleted with them",
        unset="the system's place for temporary files",
    ),
    Setting("HF_HUB_OFFLINE", "`1`: never ask the Hub; what is in its cache is used", unset="off"),
    Setting("HF_ENDPOINT", "another address for the Hub, such as a mirror", unset="the Hub's"),
    Setting(
        "HF_HOME",
        "folder of the Hub's library; its cache is `hub/` in it",
        unset="`~/.cache/huggingface`",
    ),
    Setting("HF_HUB_CACHE", "folder of the Hub's cache alone", unset="`hub/` in `HF_HOME`"),
    Setting(
        "HF_TOKEN",
        "token for private and gated repositories; a secret, which is never shown or logged",
        unset="that of `hf auth login`, if any",
    ),
)
_BY_NAME = {each.name: each for each in SETTINGS}


def value_of(name: str) -> Any:
    """Return one setting of the process's environment, None if it is not set.

    Raises:
        ConfigError: The value cannot be used.
    """
    return _BY_NAME[name].value()


def table() -> str:
    """Return all settings as a table in Markdown."""
    rows = (f"| `{each.name}` | {each.default} | {each.meaning} |" for each in SETTINGS)
    return "\n".join(("| variable | if not set | what it does |", "|---|---|---|", *rows))


if __name__ == "__main__":
    print(table())
