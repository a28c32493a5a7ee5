"""Every text of the page has a Chinese counterpart of the same shape."""

import importlib
import re
from string import Formatter

import gradio as gr
import pytest

from inpformer.errors import UserError
from inpformer.examples import find_examples
from inpformer.ui.example_handlers import gallery_caption
from inpformer.ui.translate import translate
from inpformer.ui.wiring import shown_to_visitor
from inpformer.ui.words import CATALOGUES, CHINESE, ENGLISH, strings_of

# The name of the program.
NAMES = {"TITLE"}


def chinese_of(module):
    return importlib.import_module(f"inpformer.ui.zh.{module.__name__.rpartition('.')[2]}")


def pieces(value) -> list[str]:
    """All strings of a text, in order; of choices, those that people read."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return list(value.values())
    return [item[0] if isinstance(item, tuple) else item for item in value]


def gaps(text: str) -> list[tuple[str, str]]:
    return sorted((name, spec) for _, name, spec, _ in Formatter().parse(text) if name is not None)


def is_chinese(text: str) -> bool:
    return re.search(r"[\u4e00-\u9fff]", text) is not None


@pytest.mark.parametrize("module", CATALOGUES, ids=lambda module: module.__name__)
def test_a_chinese_file_has_the_names_of_the_english_one(module):
    english, chinese = strings_of([module]), strings_of([chinese_of(module)])
    assert sorted(english.keys() - chinese.keys()) == []
    assert sorted(chinese.keys() - english.keys()) == []


@pytest.mark.parametrize("name", sorted(ENGLISH.strings))
def test_a_chinese_text_has_the_shape_and_the_gaps_of_the_english_one(name):
    english, chinese = ENGLISH.strings[name], CHINESE.strings[name]
    assert type(english) is type(chinese)
    if isinstance(english, dict):
        assert english.keys() == chinese.keys()
    elif not isinstance(english, str):
        assert len(english) == len(chinese)
        choices = [item[1] for item in english if isinstance(item, tuple)]
        assert choices == [item[1] for item in chinese if isinstance(item, tuple)]
    for one, other in zip(pieces(english), pieces(chinese), strict=True):
        assert gaps(one) == gaps(other), one


@pytest.mark.parametrize("name", sorted(ENGLISH.strings.keys() - NAMES))
def test_a_text_is_translated(name):
    for text in pieces(CHINESE.strings[name]):
        # What is filled in, names and units are the same in both languages.
        rest = re.sub(r"\{.*?\}|INP-Former|INP|AUROC|detector\.save|px|^i$", "", text)
        assert is_chinese(rest) or not re.search("[A-Za-z]", rest), text
        assert not re.search(r"\b(the|and|of|is|picture|detector)\b", rest), text


class Request(gr.Request):
    """A request of a visitor whose browser asks for Chinese."""

    def __init__(self) -> None:
        super().__init__(headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})


def test_the_shipped_examples_have_chinese_names(opening):
    shipped = find_examples()
    if not shipped.parts:
        pytest.skip("the example parts are not installed")
    opening.handlers.shelf.examples = shipped
    assert all(is_chinese(title) for title, _ in opening.choices(CHINESE))
    captions = [gallery_caption(entry, CHINESE) for entry in shipped.gallery]
    titles = {picture.title for part in shipped.parts for picture in part.pictures}
    for words in (*captions, *(translate(title, CHINESE) for title in titles)):
        assert is_chinese(words) and not re.search("[A-Za-z]", words), words


def test_what_the_library_refuses_is_said_in_chinese():
    @shown_to_visitor
    def refuse(request: gr.Request) -> None:
        raise UserError("Add at least 1 normal picture to fit a detector.")

    with pytest.raises(gr.Error) as caught:
        refuse(Request())
    assert caught.value.message == "请至少添加 1 张正常图片来拟合检测器。"
    assert caught.value.title == CHINESE.NOT_DONE
