"""A server whose disk takes nothing more: what a visitor is told, and what stays as it was.

No file may grow beyond a size, which takes no root, as a full disk does.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from file_limits import largest_file
from test_ui_annotate import a_patch
from ui_doubles import Page, give, words_of

from benchmarks.crowd_visitor import Marks, Visitor, functions_of
from inpformer.errors import UserError
from inpformer.ui.annotate_handlers import AnnotateHandlers
from inpformer.ui.annotation_set_handlers import AnnotationSetHandlers
from inpformer.ui.batch_handlers import BatchHandlers
from inpformer.ui.own_handlers import OwnHandlers
from inpformer.ui.session import Session
from inpformer.ui.translate import say
from inpformer.ui.words import CHINESE, ENGLISH

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="bounds files by RLIMIT_FSIZE")


@pytest.fixture
def session(inspecting, pictures, plus) -> Session:
    """Ann, with a detector and three results."""
    session = give(inspecting.handlers, "ann", plus)
    paths = [str(pictures[name]) for name in ("normal", "blot", "second")]
    list(BatchHandlers(inspecting).inspect_all("ann", paths))
    assert len(session.inspections) == 3
    return session


def files_of(session: Session) -> dict[Path, bytes]:
    found = (path for path in session.folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in found}


def refusal(act, session: Session) -> str:
    """What a visitor is told of what fails; nothing that they had changes, and no half is left."""
    before = files_of(session)
    with largest_file(0), pytest.raises(UserError) as caught:
        act()
    assert files_of(session) == before
    for words in (ENGLISH, CHINESE):
        assert str(session.folder) not in say(caught.value, words)
    return say(caught.value, ENGLISH)


@pytest.mark.parametrize("kind", ["csv", "json", "zip"])
def test_results_that_cannot_be_written(inspecting, session, kind):
    batch = BatchHandlers(inspecting)
    said = refusal(lambda: batch.write("ann", kind), session)
    assert said == ENGLISH.NO_DISK.format(name=f"results.{kind}")


def test_a_picture_that_cannot_be_kept(inspecting, session, pictures):
    said = refusal(lambda: inspecting.inspect("ann", str(pictures["third"])), session)
    assert said == ENGLISH.NO_DISK.format(name="third.png")
    assert len(session.inspections) == 3


def test_many_pictures_that_cannot_be_kept_are_named(inspecting, session, pictures):
    before = files_of(session)
    with largest_file(0):
        *_, last = BatchHandlers(inspecting).inspect_all("ann", [str(pictures["third"])])
    assert ENGLISH.NO_DISK.format(name="third.png") in words_of(last.progress)
    assert not last.is_running and len(session.inspections) == 3 and files_of(session) == before


def test_a_detector_that_cannot_be_saved_to_be_downloaded(inspecting, session):
    own = OwnHandlers(inspecting.handlers)
    said = refusal(lambda: own.show("ann"), session)
    assert said.startswith("The server cannot keep") and said.count("/") == 0
    assert own.show("ann").file.is_file(), "with space again it is there to be downloaded"


def test_annotations_that_cannot_be_stored_or_exported(inspecting, session, pictures):
    annotating = AnnotateHandlers(inspecting.handlers)
    sets = AnnotationSetHandlers(annotating)
    annotating.arrive("ann")
    desk = annotating.desk(session)
    (name, *_) = (item.name for item in desk.pictures())
    annotating.open("ann", name)
    revision = desk.work_of(name).painted.revision
    before = desk.store.load(name).version
    stroke = a_patch(revision, np.ones((20, 20), np.uint8))
    for words in (ENGLISH, CHINESE):
        session.words = words
        with largest_file(0):
            answer = annotating.draw("ann", name, stroke)
        assert answer["state"] == "refused" and str(session.folder) not in answer["reason"]
        assert answer["reason"].startswith(words.NO_DISK.partition("{")[0])
    assert desk.store.load(name).version == before
    session.words = ENGLISH
    assert annotating.draw("ann", name, stroke)["state"] == "saved"
    for kind in ("zip", "coco"):
        said = refusal(lambda kind=kind: sets.export("ann", kind), session)
        assert said.startswith("The server cannot keep") and said.count("/") == 0


def test_a_picture_inside_a_call_that_cannot_be_kept(inspecting, session):
    path = session.new_path("picture.png")
    with largest_file(0), pytest.raises(UserError, match=r"cannot keep picture\.png"):
        session.write(path, b"picture")
    assert not path.parent.exists()


# After a server was started anew


def test_whoever_comes_back_to_another_server_is_told_what_to_bring(page: Page):
    (mark,) = Marks(1).all
    functions = functions_of(page.url)
    new = Visitor(page.url, mark, functions)
    new.arrive()
    known = Visitor(page.url, mark, functions, pass_key=new.pass_key)
    known.arrive()
    stranger = Visitor(page.url, mark, functions, pass_key="of a server that was killed")
    stranger.arrive()
    said = [ENGLISH.WORK_GONE[:30].encode() in each.received[-1] for each in (new, known, stranger)]
    assert said == [False, False, True]


# The web server drops a file that it could not close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_upload_that_the_disk_does_not_take_is_answered_with_a_sentence(page: Page):
    with largest_file(0):
        answers = [page.upload("a.png", bytes(size)) for size in (10, 3_000_000)]
    for answer in answers:
        assert answer.status_code == 507
        assert answer.text == ENGLISH.NO_DISK.format(name=ENGLISH.YOUR_FILES)
    assert page.upload("a.png", b"picture").status_code == 200
