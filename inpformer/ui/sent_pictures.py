"""Pictures as programs send them: uploads, links to uploads, and pictures inside the call."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from inpformer.errors import UserError
from inpformer.ui.session import Session
from inpformer.ui.words import Words

# Larger ones are uploaded, which needs no memory for all of a file.
MAX_INLINE_BYTES = 32 * 1024 * 1024

_FILE_ROUTE = "/gradio_api/file="
_DATA_URL = re.compile(r"data:(?:image/([a-z0-9]{1,8})[a-z0-9.+-]*)?;base64", re.ASCII | re.I)
_LONGEST_HEAD = 100


class SentPictures:
    """Finds the file behind what a program gave as a picture; reads no other file, and no address.

    Args:
        upload_root: Where the web server puts uploads, under names that nobody can guess.
    """

    def __init__(self, upload_root: Path) -> None:
        self._upload_root = upload_root.resolve()

    def path(self, session: Session, sent: Any) -> Path:
        """Return the file of a picture, in the session's folder or among the uploads.

        Args:
            session: Where a picture from inside the call is put.
            sent: What a program gave: a `data:` URL, the link to an upload, or an upload as the
                web server's clients write it, `{"path": ...}`.

        Raises:
            UserError: It is none of these, too large, or not there any more.
        """
        words = session.words
        if isinstance(sent, dict):
            return self._uploaded(sent.get("path"), words)
        if not isinstance(sent, str) or not sent.strip():
            raise UserError(words.SENT_PICTURE)
        if sent[:5].lower() == "data:":
            return _unpacked(sent, session)
        _, is_link, name = sent.partition(_FILE_ROUTE)
        if not is_link:
            raise UserError(words.SENT_ELSEWHERE)
        return self._uploaded(unquote(name.partition("?")[0]), words)

    def _uploaded(self, name: Any, words: Words) -> Path:
        if not isinstance(name, str) or "\0" in name:
            raise UserError(words.SENT_PICTURE)
        path = Path(name).resolve()
        # Whether a file is there is told of uploads alone.
        if not path.is_relative_to(self._upload_root):
            raise UserError(words.SENT_ELSEWHERE)
        if not path.is_file():
            raise UserError(words.UPLOAD_GONE.format(name=path.name))
        return path


def _unpacked(url: str, session: Session) -> Path:
    words = session.words
    head, _, body = url.partition(",")
    kind = _DATA_URL.fullmatch(head) if len(head) < _LONGEST_HEAD else None
    if kind is None:
        raise UserError(words.SENT_DAMAGED)
    if len(body) > MAX_INLINE_BYTES * 4 / 3 + 4:
        raise UserError(words.SENT_TOO_LARGE.format(limit=MAX_INLINE_BYTES >> 20))
    try:
        content = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError(words.SENT_DAMAGED) from error
    path = session.new_path(f"picture.{(kind[1] or 'png').lower()}")
    session.write(path, content)
    return path
