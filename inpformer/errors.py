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


def require(condition: bool, message: str) -> None:
    """Raise a `ConfigError` with `message`, made a sentence, unless `condition` holds."""
    if not condition:
        raise ConfigError(message[:1].upper() + message[1:] + ("" if message[-1] == "." else "."))
