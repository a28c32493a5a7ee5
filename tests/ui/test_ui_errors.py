"""What a visitor is told when something fails."""

import errno
import inspect
import json
import logging
from pathlib import Path

import gradio as gr
import pytest

from inpformer.errors import ConfigError, DiskError, ImageError, UserError, WeightsError
from inpformer.files import disk_problem
from inpformer.ui import text
from inpformer.ui.translate import say
from inpformer.ui.wiring import shown_to_visitor
from inpformer.ui.words import CHINESE, ENGLISH

SECRET = "/srv/secret/file.py"


def plain(error: BaseException):
    def function() -> None:
        raise error

    return shown_to_visitor(function)


def streaming(error: BaseException):
    def function():
        yield "first"
        raise error

    stream = shown_to_visitor(function)

    def consume() -> None:
        for item in stream():
            assert item == "first"

    return consume


@pytest.fixture(params=[plain, streaming], ids=["function", "generator"])
def fails_with(request):
    return request.param


@pytest.mark.parametrize("kind", [UserError, ImageError, ConfigError, WeightsError])
def test_what_a_visitor_can_put_right_is_told_in_its_own_words(fails_with, kind, caplog):
    caplog.set_level(logging.WARNING, logger="inpformer")  # whatever the page has set
    with pytest.raises(gr.Error) as caught:
        fails_with(kind("Add a picture, then press Inspect."))()
    assert caught.value.message == "Add a picture, then press Inspect."
    assert not caught.value.print_exception and not caplog.records


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (disk_problem(Path(SECRET), OSError(errno.ENOSPC, "full")), "file.py"),
        (disk_problem(Path(SECRET), OSError(errno.EROFS, "read-only")), "file.py"),
        (DiskError("Nothing can be written to '/srv/secret'.", "a.zip"), "a.zip"),
    ],
)
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_of_a_disk_that_takes_nothing_a_visitor_is_told_no_folder(error, shown, words):
    assert say(error, words) == words.NO_DISK.format(name=shown)
    assert "/srv" in str(error), "whose disk it is needs the folder"


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (f"The mask '{SECRET}' is missing or cannot be opened.", "'file.py'"),
        (f"'{SECRET}' is damaged; bring back a copy of it, or move it away.", "'file.py'"),
        ("There is no picture 'a.png' in '/srv/secret/store'.", "'store'"),
        (r"There is no folder 'C:\srv\secret'; check the path.", "'secret'"),
    ],
)
@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_of_a_path_of_the_server_the_name_alone_is_shown(sentence, shown, words):
    said = say(UserError(sentence), words)
    assert "srv" not in said and shown.strip("'") in said


def test_a_name_with_slashes_that_is_no_path_stays():
    said = say(UserError("There is no picture 'top/a.png' in the list."), ENGLISH)
    assert "'top/a.png'" in said


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, MemoryError, OSError, ValueError])
def test_anything_else_is_one_sentence_without_details_and_goes_to_the_log(
    fails_with, kind, caplog
):
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as caught:
        fails_with(kind(SECRET))()
    shown = caught.value
    assert SECRET not in str(vars(shown))
    (record,) = caplog.records
    line = json.loads(record.getMessage())
    assert shown.message == text.LOST.format(request=line["request"])
    assert line["outcome"] == "failed" and line["error"] == kind.__name__
    assert any("test_ui_errors.py" in place for place in line["at"])
    assert SECRET not in caplog.text and record.exc_info is None


def test_an_error_that_is_meant_for_the_visitor_is_passed_on_as_it_is(fails_with):
    error = gr.Error("Ready-made.", title="Oh")
    with pytest.raises(gr.Error) as caught:
        fails_with(error)()
    assert caught.value is error


def test_the_server_can_still_be_stopped(fails_with):
    with pytest.raises(KeyboardInterrupt):
        fails_with(KeyboardInterrupt())()


def test_results_and_arguments_pass_unchanged():
    assert shown_to_visitor(lambda a, b=2: (a, b))(1, b=3) == (1, 3)

    def count(limit: int):
        yield from range(limit)

    assert list(shown_to_visitor(count)(3)) == [0, 1, 2]


def test_closing_the_stream_closes_what_it_wraps():
    closed = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    stream = shown_to_visitor(endless)()
    next(stream)
    stream.close()
    assert closed == [True]


def test_gradio_still_sees_the_arguments_and_that_a_stream_is_one():
    def fit(path: str, request: gr.Request):
        """Fit."""
        yield path, request

    wrapped = shown_to_visitor(fit)
    assert inspect.isgeneratorfunction(wrapped)
    assert list(inspect.signature(wrapped).parameters) == ["path", "request"]
    assert wrapped.__annotations__["request"] is gr.Request and wrapped.__doc__ == "Fit."
