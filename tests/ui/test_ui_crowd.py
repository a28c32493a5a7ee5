"""Visitors with marked pictures at a live page: nobody is shown anything of anybody else's."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio.utils import get_upload_folder
from ui_doubles import Page

from benchmarks.crowd_isolation import Crowd, Life
from benchmarks.crowd_visitor import Marks, encoded, paths_in

NAMES = ("inspect", "many", "fit", "rename", "annotate", "explorer", "results", "guess", "reload")


@pytest.fixture
def crowd(page: Page) -> Crowd:
    return Crowd(page.url, Marks(4), (Path(get_upload_folder()),))


@pytest.fixture
def ann(crowd: Crowd):
    ann = crowd.visitors[0]
    ann.arrive()
    return ann


@pytest.mark.slow
def test_four_visitors_at_once_are_shown_their_own_alone(crowd):
    lives = [Life(crowd, each, seed) for seed, each in enumerate(crowd.visitors)]
    for each in crowd.visitors:
        each.arrive()

    def live(life: Life) -> None:
        for name in (*NAMES, "forget"):
            life.do(name)

    with ThreadPoolExecutor(len(lives)) as pool:
        list(pool.map(live, lives))
    assert not crowd.problems
    # Or nothing was checked.
    assert crowd.done["forget"] == crowd.done["guess"] == crowd.done["fit"] == 4
    assert crowd.pictures >= 4 * 4


def test_whose_pictures_are_whose_is_seen_after_resizing_and_jpeg(tmp_path):
    from PIL import Image

    marks = Marks(20)
    for mark in marks.all:
        small = Image.fromarray(mark.picture(0)).resize((70, 50))
        small.save(tmp_path / "small.jpg", quality=60)
        assert marks.found((tmp_path / "small.jpg").read_bytes()) == ({mark.word}, 1)
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    assert marks.found(encoded(noise)) == (set(), 0)


def test_the_marks_of_another_in_an_answer_are_a_problem(crowd, ann):
    bob = crowd.visitors[1]
    ann.received.append(encoded(bob.mark.picture(3)))
    crowd.check(ann)
    assert len(crowd.problems) == 1 and bob.mark.word in crowd.problems[0]


def test_a_picture_that_was_brought_and_never_used_goes_with_forget_me(crowd, ann):
    used, unused = ann.picture(1), ann.picture(2)
    ann.act("inspect", used, "full", "fitted")
    assert crowd.left_of(ann)
    ann.act("forget", unused)
    assert not crowd.left_of(ann)


def test_forget_me_works_when_a_file_that_was_brought_has_gone(crowd, ann):
    picture = ann.picture(1)
    shutil.rmtree(Path(picture["path"]).parent)
    ann.act("forget", picture)
    assert not crowd.left_of(ann)


def test_what_was_downloaded_goes_with_forget_me(crowd, ann):
    ann.act("inspect", ann.picture(1), "full", "fitted")
    (path,) = paths_in(ann.act("results_csv").data)
    assert ann.mark.word.encode() in ann.download(path).content
    ann.act("forget")
    assert ann.download(path).status_code != 200 and not crowd.left_of(ann)


def test_a_client_that_closes_its_line_in_the_middle_holds_nobody_up(crowd, ann):
    for _ in range(3):
        ann.session += "x"
        ann.join("inspect", ann.picture(1), "full", "fitted")
        asked = {"session_hash": ann.session}
        with ann.http.stream("GET", f"{ann.url}/gradio_api/queue/data", params=asked) as stream:
            next(stream.iter_lines())
    bob = crowd.visitors[1]
    bob.arrive()
    started = time.monotonic()
    bob.act("inspect", bob.picture(1), "full", "fitted")
    assert time.monotonic() - started < 20
