"""Errors written for the person at the screen: one sentence that says what to do."""

_LONGEST = 1000


class UserError(Exception):
    """Something the user can put right; the message says how.

    What is quoted in it may be a stranger's, such as the name of a file: it stays one line of
    signs that can be shown, and a short one.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(one_line(message))


class ImageError(UserError):
    """A picture that cannot be read or used."""


class WeightsError(UserError):
    """Weights that are missing, damaged, or belong to another model."""


class ConfigError(UserError):
    """A setting outside its allowed values."""


class DiskError(UserError):
    """A file that the disk does not take.

    Args:
        message: For who owns the disk; it may name folders.
        name: Of the file alone, for anybody else.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = one_line(name)


class FitCancelledError(Exception):
    """The caller asked a running fit to stop; nothing was changed."""


class TransferStoppedError(Exception):
    """The caller asked a download or an upload to stop; nothing half-made is left."""


def one_line(text: object) -> str:
    """Return a text without signs that cannot be shown; of a long one the middle is left out."""
    line = str(text)
    if len(line) > _LONGEST:
        line = f"{line[: _LONGEST - 300]}…{line[-299:]}"  # advice stands at the end
    return "".join(sign if sign.isprintable() else "?" for sign in line)


def require(condition: bool, message: str) -> None:
    """Raise a `ConfigError` with `message`, made a sentence, unless `condition` holds."""
    if condition:
        return
    # A name as it is typed must stay as it is, so a sentence cannot begin with it.
    starts_with_name = "_" in message.split(maxsplit=1)[0]
    start = "The setting " + message[:1] if starts_with_name else message[:1].upper()
    raise ConfigError(start + message[1:] + ("" if message[-1] == "." else "."))
