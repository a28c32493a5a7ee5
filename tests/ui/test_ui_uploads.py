"""The web server's cache is bounded, and what no action used goes, with the page really served."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from ui_doubles import Page, striped, wait_until

from benchmarks.crowd_clients import half_an_upload
from benchmarks.crowd_visitor import encoded
from inpformer.settings import Settings
from inpformer.ui import text
from inpformer.ui.sessions import Sessions
from inpformer.ui.uploads import Uploads

MB = 1_000_000


class Cache:
    """A cache of files as gradio writes them down, with a clock that a test moves."""

    def __init__(self, folder: Path, most: int, limits: Settings | None = None) -> None:
        self.folder, self.later = folder, 0.0
        self.names: set[str] = set()
        self.sessions = Sessions(upload_root=folder, limits=limits)
        self.for_all: set[Path] = set()
        self.uploads = Uploads(
            self.sessions,
            lambda: [self.names],
            lambda: self.for_all,
            most,
            lambda: time.time() + self.later,
        )

    def add(self, name: str, size: int = 10) -> Path:
        path = self.folder / f"of-{name}" / name
        path.parent.mkdir()
        path.write_bytes(bytes(size))
        self.names.add(str(path))
        time.sleep(0.02)  # the next one is younger, for every file system
        return path

    def take(self, byte_count: int) -> bool:
        # In a thread of its own: a browser that is open has an event loop in this one.
        with start_blocking_portal() as loop:
            return loop.call(self.uploads.take, byte_count)

    def kept(self) -> set[str]:
        return {path.name for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(tmp_path, most=100)


def test_an_upload_that_no_action_used_goes_when_it_is_old(cache):
    unused, used, shown = (cache.add(name) for name in ("unused", "used", "shown"))
    cache.sessions.get("ann").uploads.add(used)
    cache.for_all.add(shown)
    cache.later = cache.sessions.idle_seconds - 10
    cache.uploads.tidy()
    assert cache.kept() == {"unused", "used", "shown"}
    cache.later = cache.sessions.idle_seconds + 10
    cache.uploads.tidy()
    assert cache.kept() == {"used", "shown"} and not unused.parent.exists()
    cache.uploads.tidy()
    assert cache.names == {str(used), str(shown)}, "its name goes from the memory, too"


def test_the_oldest_of_what_no_action_used_makes_room(cache):
    for name in ("first", "theirs", "second", "third"):
        cache.add(name, 30 * MB)
    cache.sessions.get("ann").uploads.add(cache.folder / "of-theirs" / "theirs")
    cache.uploads.tidy()
    assert cache.kept() == {"theirs", "second", "third"}
    assert cache.take(20 * MB)
    assert cache.kept() == {"theirs", "third"}
    cache.uploads.arrived(20 * MB)
    assert not cache.take(80 * MB)
    assert cache.kept() == {"theirs"}, "what is used makes no room"


def test_uploads_that_are_still_coming_take_room(cache):
    assert cache.take(60 * MB)
    assert not cache.take(60 * MB)
    cache.uploads.arrived(60 * MB)
    cache.uploads.arrived(60 * MB)
    assert cache.take(60 * MB), "there are no such files: nothing came of them"


def test_nobody_holds_more_of_the_cache_than_a_visitor_may_have(tmp_path):
    cache = Cache(tmp_path, 100, Settings(visitor_megabytes=10))
    for name in ("old", "new"):
        cache.sessions.get("ann").uploads.add(cache.add(name, 6 * MB))
    cache.later = cache.sessions.idle_seconds + 10
    cache.uploads.tidy()
    assert cache.kept() == {"new"}


@pytest.fixture
def full(page: Page, monkeypatch) -> Iterator[Page]:
    """The page, with no room for anything."""
    monkeypatch.setattr(page.demo.uploads, "_most", 0)
    yield page


def test_an_upload_for_which_there_is_no_room_is_refused_in_a_sentence(full):
    before = partial_uploads(full)
    answer = full.upload("part.png", bytes(50_000))
    assert answer.status_code == 400 and answer.text == text.NO_ROOM
    wait_until(lambda: not partial_uploads(full) - before, "what came of it to be deleted")


def test_a_page_that_is_served_tidies_its_own_cache(page, monkeypatch):
    (stored,) = page.upload("unused-by-anybody.png", encoded(striped(4321))).json()
    monkeypatch.setattr(page.demo.uploads, "_clock", lambda: time.time() + 86_400)
    page.demo.uploads.tidy()
    assert not Path(stored).exists()


def partial_uploads(page: Page) -> set[Path]:
    """Return what gradio writes while an upload comes: files with names of its own."""
    return set(Path(page.demo.app.uploaded_file_dir).glob("tmp*"))


def test_nothing_is_left_of_an_upload_that_ends_in_the_middle(page):
    before = partial_uploads(page)
    with half_an_upload(page.url) as line:
        line.sendall(bytes(100_000))
        wait_until(lambda: partial_uploads(page) - before, "the upload to begin")
    wait_until(lambda: not partial_uploads(page) - before, "it to be deleted")
    assert page.demo.uploads._coming == 0
