"""What a visitor reads, in their language.

Text that never changes is translated in the browser by gradio's i18n, from `label`; a sentence
made on the server comes from the visitor's `Words`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import gradio as gr

from inpformer.ui import (
    text,
    text_agents,
    text_annotate,
    text_compare,
    text_evaluate,
    text_explorer,
    text_fewshot,
    text_inspect,
    text_learn,
    text_models,
    text_painter,
)

CATALOGUES = (
    text,
    text_inspect,
    text_fewshot,
    text_explorer,
    text_compare,
    text_annotate,
    text_evaluate,
    text_learn,
    text_models,
    text_painter,
    text_agents,
)


class Words:
    """The strings of one language, by name: `words.FIT`.

    Args:
        language: `en` or `zh`.
        strings: What there is in it.
        fallback: Where a string comes from that is missing.
    """

    def __init__(
        self, language: str, strings: Mapping[str, Any], fallback: Words | None = None
    ) -> None:
        self.language = language
        self.strings = {**(fallback.strings if fallback else {}), **strings}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.strings[name]
        except KeyError:
            raise AttributeError(f"there is no text called {name}") from None


def strings_of(modules: Iterable[Any]) -> dict[str, Any]:
    """Return the constants of text files by name."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_")
    }


def _chinese_modules() -> Iterable[Any]:
    for module in CATALOGUES:
        name = module.__name__.rpartition(".")[2]
        yield importlib.import_module(f"inpformer.ui.zh.{name}")


ENGLISH = Words("en", strings_of(CATALOGUES))
CHINESE = Words("zh", strings_of(_chinese_modules()), ENGLISH)


def words_of(request: gr.Request | None) -> Words:
    """Return the words in the first language of a visitor's browser that we speak."""
    accepted = request.headers.get("accept-language", "") if request is not None else ""
    for entry in accepted.lower().split(","):
        language = entry.split(";")[0].strip().split("-")[0]
        if language in ("en", "zh"):
            return CHINESE if language == "zh" else ENGLISH
    return ENGLISH


def as_toast(sentence: str, words: Words) -> gr.Error:
    """Return a sentence as the page shows what was not done."""
    return gr.Error(sentence, duration=12, title=words.NOT_DONE, print_exception=False)


def label(name: str) -> Any:
    """Return static text of a component, which the browser shows in its own language.

    Raises:
        AttributeError: There is no text of this name.
    """
    getattr(ENGLISH, name)
    return gr.I18n()(name)


def translations() -> gr.I18n:
    """Return all static text for `launch(i18n=...)`."""
    english, chinese = (
        {name: value for name, value in words.strings.items() if isinstance(value, str)}
        for words in (ENGLISH, CHINESE)
    )
    # Gradio knows no fallback from zh-CN to zh.
    return gr.I18n(**{"en": english, "zh": chinese, "zh-CN": chinese, "zh-TW": chinese})
