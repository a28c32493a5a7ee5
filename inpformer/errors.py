"""Errors written for the person at the screen: one sentence that says what to do."""


class UserError(Exception):
    """Something the user can put right; the message says how."""


class ImageError(UserError):
    """A picture that cannot be read or used."""


class WeightsError(UserError):
    """Weights that are missing, damaged, or belong to another model."""


class ConfigError(UserError):
    """A setting outside its allowed values."""


class FitCancelledError(Exception):
    """The caller asked a running fit to stop; nothing was changed."""


class TransferStoppedError(Exception):
    """The caller asked a download or an upload to stop; nothing half-made is left."""


def require(condition: bool, message: str) -> None:
    """Raise a `ConfigError` with `message`, made a sentence, unless `condition` holds."""
    if condition:
        return
    # A name as it is typed must stay as it is, so a sentence cannot begin with it.
    starts_with_name = "_" in message.split(maxsplit=1)[0]
    start = "The setting " + message[:1] if starts_with_name else message[:1].upper()
    raise ConfigError(start + message[1:] + ("" if message[-1] == "." else "."))
