"""With whose right a visitor asks the Hub: a token for one call, which nothing keeps."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field

from gradio.utils import get_space

from inpformer.errors import UserError
from inpformer.ui.words import Words

_OAUTH = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")
_PACKAGES = ("authlib", "itsdangerous")
# What may stand in a header. Anything else would be named in an error of the http package.
_TOKEN = re.compile(r"[!-~]{1,300}")


@dataclass(frozen=True)
class HubAccess:
    """The right to ask the Hub; made for one call. Its token is in no text made of it.

    Attributes:
        token: Of the visitor; None for that of this computer's login, empty for none at all, which
            is never answered from the cache alone.
        is_own_computer: Whether the visitor sits at the computer that the page runs on.
    """

    token: str | None = field(default="", repr=False)
    is_own_computer: bool = False

    @classmethod
    def of(
        cls, typed: str | None, signed_in: str | None, is_own_computer: bool, words: Words
    ) -> HubAccess:
        """Take what a visitor typed, or who they are signed in as.

        Args:
            typed: Token in the field; may be empty.
            signed_in: Token of their login to the Space.
            is_own_computer: Whether the visitor sits at the computer that the page runs on, whose
                login is then theirs, and nobody else's.
            words: The visitor's language.

        Raises:
            UserError: What was typed is no token.
        """
        typed = (typed or "").strip()
        if typed:
            if not _TOKEN.fullmatch(typed):
                raise UserError(words.HUB_TOKEN_ODD)
            return cls(typed, is_own_computer)
        return cls(signed_in or (None if is_own_computer else ""), is_own_computer)


def can_sign_in() -> bool:
    """Whether visitors can sign in with their account on the Hub: in a Space that is set up so."""
    # Without any of these gradio would not start.
    is_set_up = get_space() is not None and all(os.environ.get(name) for name in _OAUTH)
    return is_set_up and all(importlib.util.find_spec(name) is not None for name in _PACKAGES)
