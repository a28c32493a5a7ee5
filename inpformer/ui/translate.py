"""Sentences that the library says in English, in the visitor's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from string import Formatter

from inpformer.errors import DiskError, UserError
from inpformer.ui.words import Words
from inpformer.ui.zh.sentences import SENTENCES

# Placeholders that stand for words of the library; others hold names and numbers, which stay.
WITHIN = frozenset(
    (
        *("error", "problem", "problems", "first", "second", "kind", "label"),
        *("now", "picture", "setting", "size", "was", "what"),
    )
)


class Sentences:
    """Recognises sentences by templates and gives their translation.

    Args:
        templates: Translation per English sentence, both with the same names in braces.
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        # Those that say most themselves come first; "{name} must be {low} to {high}" fits much.
        by_length = sorted(templates.items(), key=lambda pair: -len(_literals(pair[0])))
        self._patterns = [(_pattern(english), other) for english, other in by_length]
        self._known = lru_cache(maxsize=1024)(self._find)

    def translate(self, sentence: str) -> str:
        """Return the translation of a sentence, or of several; an unknown one as it is."""
        return self._known(sentence) or sentence

    def _find(self, text: str) -> str | None:
        # Reasons are sometimes put one behind the other, and a placeholder would swallow a stop.
        for stop in re.finditer(r"\.(?= )", text):
            first, rest = self._whole(text[: stop.end()]), self._known(text[stop.end() + 1 :])
            if first is not None and rest is not None:
                return first + rest
        return self._whole(text)

    def _whole(self, sentence: str) -> str | None:
        for pattern, translation in self._patterns:
            match = pattern.fullmatch(sentence)
            if match:
                parts = {
                    name: self.translate(value) if name in WITHIN else value
                    for name, value in match.groupdict().items()
                }
                return translation.format(**parts)
        return None


def _literals(template: str) -> str:
    return "".join(literal for literal, *_ in Formatter().parse(template))


def _pattern(template: str) -> re.Pattern[str]:
    pieces = []
    for literal, name, *_ in Formatter().parse(template):
        pieces.append(re.escape(literal))
        if name is not None:
            pieces.append(f"(?P<{name}>.+?)")
    return re.compile("".join(pieces), re.DOTALL)


_PATH = re.compile(r"'(?:/|[A-Za-z]:[/\\])[^']*[/\\]([^'/\\]+)'")
_CHINESE = Sentences(SENTENCES)


def say(error: UserError, words: Words) -> str:
    """Return what a visitor is told of an error: nothing of the folders of the server."""
    if isinstance(error, DiskError):
        return words.NO_DISK.format(name=error.name)
    return translate(str(error), words)


def translate(sentence: str, words: Words) -> str:
    """Return a sentence of the library in the visitor's language; an unknown one as it is.

    Of a file with its folders, in quotes, the name stays: the folders are the server's.
    """
    sentence = _PATH.sub(r"'\1'", sentence)
    return _CHINESE.translate(sentence) if words.language == "zh" else sentence
