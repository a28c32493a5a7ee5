"""What agents can do, without a server: answers, names of detectors, and what is kept for whom."""

import base64
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from ui_doubles import give, striped

from inpformer.errors import UserError
from inpformer.fit_config import FitConfig
from inpformer.images import load_image
from inpformer.ui import fewshot_handlers
from inpformer.ui.agent_answers import MAX_REGIONS, region_facts
from inpformer.ui.agent_tools import AgentTools
from inpformer.ui.handlers import Handlers
from inpformer.ui.sent_pictures import MAX_INLINE_BYTES
from inpformer.ui.sessions import MAX_AGENT_DETECTORS, MAX_ANSWERS, Sessions
from inpformer.ui.shelf import Shelf
from inpformer.ui.words import CHINESE, ENGLISH


class Clock:
    """A clock that the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path) -> Path:
    """The web server's cache of uploads."""
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


@pytest.fixture
def shared(source, examples, tmp_path, cache, clock) -> Handlers:
    root = tmp_path / "visitors"
    root.mkdir()
    sessions = Sessions(idle_seconds=600, clock=clock, root=root, upload_root=cache)
    return Handlers(sessions, Shelf(source, examples=examples))


@pytest.fixture
def tools(shared, cache, monkeypatch) -> AgentTools:
    """The functions for agents, whose fits take a moment."""

    def quick(encoder, **settings):
        return FitConfig(variant="training-free", inp_count=4, **settings)

    monkeypatch.setattr(FitConfig, "for_encoder", quick)
    monkeypatch.setattr(fewshot_handlers, "_REPORT_SECONDS", 0.005)
    return AgentTools(shared, cache)


def data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def uploaded(cache: Path, path: Path, who: str = "a" * 64) -> Path:
    """Put a picture where the web server would."""
    stored = cache / who / path.name
    stored.parent.mkdir(exist_ok=True)
    stored.write_bytes(path.read_bytes())
    return stored


def fit(tools: AgentTools, *paths: Path) -> dict:
    *_, last = tools.fit([data_url(path) for path in paths])
    return last


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# Inspect


def test_an_agent_is_told_what_the_library_says(tools, plus, pictures):
    facts, drawn = tools.inspect(data_url(pictures["blot"]), "part:ring")
    result = plus.predict(load_image(pictures["blot"]))
    assert facts["verdict"] == ("anomalous" if result.is_anomalous else "normal")
    for name in ("image_score", "threshold", "confidence"):
        assert facts[name] == pytest.approx(getattr(result, name), rel=1e-6)
    assert (facts["height"], facts["width"]) == (90, 120)
    assert np.array_equal(coco_mask.decode(facts["mask"]) > 0, result.mask())
    assert np.array_equal(load_image(drawn["mask"])[..., 0] > 0, result.mask())
    assert set(drawn) == {"overlay", "heatmap", "mask", "prototypes"}
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_regions_are_the_mask_in_parts_with_the_highest_first(plus, pictures):
    result = plus.predict(load_image(pictures["blot"]))
    facts = region_facts(result)
    assert facts["regions"] and facts["region_count"] == len(facts["regions"]) <= MAX_REGIONS
    masks = [coco_mask.decode(region["rle"]) > 0 for region in facts["regions"]]
    assert np.array_equal(np.sum(masks, axis=0), result.mask())
    for region, mask in zip(facts["regions"], masks, strict=True):
        x, y = region["peak"]
        assert mask[y, x] and region["score"] == result.anomaly_map[mask].max() > result.threshold
        assert region["area"] == mask.sum() == coco_mask.area(region["rle"])
        assert list(coco_mask.toBbox(region["rle"])) == region["bbox"]
    scores = [region["score"] for region in facts["regions"]]
    assert scores == sorted(scores, reverse=True)


def test_a_mask_of_specks_is_told_in_bounded_parts(plus, pictures, monkeypatch):
    result = plus.predict(load_image(pictures["normal"]))
    specks = np.zeros((90, 120), np.float32)
    specks[::6, ::6] = 10
    monkeypatch.setitem(result.__dict__, "anomaly_map", specks)
    facts = region_facts(result)
    assert facts["region_count"] == 300 and len(facts["regions"]) == MAX_REGIONS


def test_without_a_threshold_there_is_neither_verdict_nor_mask(tools, pictures):
    facts, drawn = tools.inspect(data_url(pictures["blot"]))
    assert facts["verdict"] == "not calibrated" and facts["confidence"] is None
    assert facts["mask"] is None and facts["regions"] == [] and "mask" not in drawn
    assert facts["notes"]


def test_notes_say_what_was_done_to_the_picture(tools, cache, pictures):
    upload = uploaded(cache, pictures["moving"])
    facts, _ = tools.inspect({"path": str(upload)}, "ring", CHINESE)
    assert any("共 3 帧" in note for note in facts["notes"])


@pytest.mark.parametrize("name", ["", None, "  ", "free"])
def test_no_name_is_the_detector_of_the_server(tools, pictures, name):
    assert tools.inspect(data_url(pictures["blot"]), name).facts["verdict"] == "not calibrated"


def test_a_part_is_named_with_or_without_its_kind(tools, pictures):
    answers = [tools.inspect(data_url(pictures["blot"]), name) for name in ("ring", "part:ring")]
    titles = {answer.facts["detector_title"] for answer in answers}
    assert len(titles) == 1 and "Striped ring" in titles.pop()


def test_a_name_that_is_not_there_is_answered_with_all_that_are(tools, pictures):
    with pytest.raises(UserError, match=r"no detector 'x{80}' here.*free, part:ring, part:plate"):
        tools.inspect(data_url(pictures["blot"]), "x" * 500)


def test_a_ready_detector_that_is_damaged_is_said_to_be(tools, pictures):
    with pytest.raises(UserError, match="missing or damaged"):
        tools.inspect(data_url(pictures["blot"]), "plate")


# Pictures


@pytest.mark.parametrize("way", ["table", "link", "link of a proxy"])
def test_an_upload_is_inspected_however_it_is_named(tools, cache, pictures, way):
    upload = uploaded(cache, pictures["blot"])
    link = f"http://127.0.0.1:7860/gradio_api/file={upload}"
    ways = {"table": {"path": str(upload)}, "link": link}
    sent = ways.get(way, link.replace("http://127.0.0.1:7860", "https://x.y/app") + "?download=1")
    assert tools.inspect(sent, "ring").facts["width"] == 120
    assert upload.is_file()


@pytest.mark.parametrize(
    "sent",
    [
        *("/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/a.png", "ftp://a/b.png"),
        *("\\\\server\\share\\a.png", "C:/a.png", "part.png", "{cache}/{who}/blot.png"),
        *("http://a/gradio_api/file=/etc/passwd", "/gradio_api/file={cache}/../secret.png"),
        *("/gradio_api/file=%2Fetc%2Fpasswd", "/gradio_api/file=http://127.0.0.1:1/a.png"),
        *({"path": "/etc/passwd"}, {"path": "{cache}/../secret.png"}, {"path": "http://a/b.png"}),
        {"path": "/etc/passwd", "url": "data:image/png;base64,", "meta": {"_type": "x"}},
    ],
)
def test_no_other_file_and_no_address_is_opened(tools, cache, pictures, sent):
    upload = uploaded(cache, pictures["blot"])
    (cache.parent / "secret.png").write_bytes(pictures["blot"].read_bytes())

    def fill(value: str) -> str:
        return value.replace("{cache}", str(cache)).replace("{who}", upload.parent.name)

    sent = {**sent, "path": fill(sent["path"])} if isinstance(sent, dict) else fill(sent)
    with pytest.raises(UserError, match="opens no other addresses and no files of its own"):
        tools.inspect(sent)


def test_a_link_out_of_the_cache_by_a_symbolic_link_is_refused(tools, cache, pictures):
    (cache / "odd").symlink_to(pictures["blot"].parent)
    with pytest.raises(UserError, match="no files of its own"):
        tools.inspect({"path": str(cache / "odd" / "blot.png")})


@pytest.mark.parametrize("sent", [None, 5, [], "", "  ", {}, {"path": 5}, {"path": "a\0b"}, True])
def test_what_is_no_picture_at_all_is_answered_with_what_would_be(tools, sent):
    with pytest.raises(UserError, match=r"^Give the picture as a data: URL, .* upload\.$"):
        tools.inspect(sent)


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "data:",
            "data:image/png,abc",
            "data:text/html;base64,YQ==",
            "data:image/../a;base64,YQ==",
        ),
        *("data:image/png;base64,####", "data:image/png;base64,YQ", "data:image/png;base64,é"),
    ],
)
def test_a_damaged_data_url_is_said_to_be(tools, sent):
    with pytest.raises(UserError, match="cannot be read: it must be data:image/png;base64,"):
        tools.inspect(sent)


def test_a_picture_in_the_call_has_a_bound(tools):
    with pytest.raises(UserError, match="up to 32 MB; upload"):
        tools.inspect("data:image/png;base64," + "A" * (MAX_INLINE_BYTES * 4 // 3 + 8))


@pytest.mark.parametrize("name", ["text", "cut", "empty", "thin"])
def test_a_file_that_is_no_picture_is_refused_as_on_the_page(tools, cache, pictures, name):
    with pytest.raises(UserError, match=f"{name}.png"):
        tools.inspect({"path": str(uploaded(cache, pictures[name]))})


def test_an_upload_that_has_gone_is_said_to_have(tools, cache):
    with pytest.raises(UserError, match=r"gone\.png is no longer on the server"):
        tools.inspect({"path": str(cache / "a" / "gone.png")})


# Explain


def test_the_hottest_patch_is_explained_unless_another_is_chosen(tools, plus, pictures):
    facts, drawn = tools.explain(data_url(pictures["blot"]), None, "ring")
    reason = facts["reason"]
    assert reason["maps"][facts["map"]]["rank"] == 1
    top, left, bottom, right = reason["box"]
    again, _ = tools.explain(
        data_url(pictures["blot"]), [(left + right) / 2, (top + bottom) / 2], "ring"
    )
    assert again["reason"] == reason and again["words"] == facts["words"]
    corner, _ = tools.explain(data_url(pictures["blot"]), [0, 0], "ring")
    assert (corner["reason"]["row"], corner["reason"]["column"]) == (1, 1)
    assert set(drawn) == {"picture", "mosaic", "distance", "residual"}
    assert json.dumps(facts, allow_nan=False)


def test_a_reason_is_given_in_words_and_numbers(tools, pictures):
    facts, _ = tools.explain(data_url(pictures["blot"]), [60, 45], "ring")
    reason = facts["reason"]
    assert f"INP {reason['nearest_inp']}" in facts["words"][0] and "<" not in facts["words"][0]
    assert reason["distance"] == reason["distances"][reason["nearest_inp"] - 1]
    assert {"cosine"} <= set(reason["errors"]) and reason["similar_here"]
    assert reason["similar_normal"], "the normal pictures of a part are known"


@pytest.mark.parametrize(
    "patch", [5, "12", [1], [1, 2, 3], [None, 1], ["1", "2"], [float("nan"), 1], [True, 1], {}]
)
def test_a_patch_that_is_no_pixel_is_refused(tools, pictures, patch):
    with pytest.raises(UserError, match="two numbers, x and y"):
        tools.explain(data_url(pictures["blot"]), patch)


@pytest.mark.parametrize("patch", [[120, 0], [0, 90], [-1, 0], [0, -0.5], [10**12, 0]])
def test_a_patch_outside_the_picture_is_refused_with_its_size(tools, pictures, patch):
    with pytest.raises(UserError, match="120 × 90 pixels"):
        tools.explain(data_url(pictures["blot"]), patch)


# Fit


def test_a_fit_says_how_far_it_is_and_then_what_it_gave(tools, pictures):
    urls = [data_url(pictures[name]) for name in ("normal", "second", "copy")]
    *steps, last = tools.fit(urls, steps=None)
    fractions = [step["fraction"] for step in steps]
    assert steps and fractions == sorted(fractions) and 0 < fractions[-1] <= 1
    assert all(step["state"] == "fitting" and step["step"] <= step["step_count"] for step in steps)
    assert last["state"] == "done" and last["shots"] == 2, "identical pictures count once"
    assert last["threshold"] > 0 and last["seconds"] > 0
    assert "10 minutes" in last["kept"]
    facts, _ = tools.inspect(data_url(pictures["blot"]), last["detector"])
    assert facts["threshold"] == last["threshold"] and facts["verdict"] != "not calibrated"
    reason = tools.explain(data_url(pictures["blot"]), None, last["detector"]).facts["reason"]
    assert {each["shot"] for each in reason["similar_normal"]} <= {1, 2, 3}


@pytest.mark.parametrize("sent", [None, [], "data:", {}, ["data:"] * 17])
def test_too_few_or_too_many_pictures_are_refused_before_any_is_read(tools, shared, sent):
    with pytest.raises(UserError, match="list of 1 to 16 pictures"):
        next(tools.fit(sent))
    assert len(shared.sessions) == 0


@pytest.mark.parametrize("steps", [-1, 2001, 1.5, "9", True])
def test_steps_have_bounds(tools, pictures, steps):
    with pytest.raises(UserError, match="whole number from 1 to 2000"):
        next(tools.fit([data_url(pictures["normal"])], steps))


def test_a_fit_that_cannot_be_done_leaves_nothing(tools, shared, pictures, tmp_path):
    with pytest.raises(UserError, match=r"picture\.png"):
        list(tools.fit([data_url(pictures[name]) for name in ("normal", "cut")]))
    assert len(shared.sessions) == 0 and not files_in(tmp_path / "visitors")


def test_a_caller_who_goes_away_ends_the_fit(tools, shared, scripted, pictures, tmp_path):
    shared.shelf.start = scripted
    steps = tools.fit([data_url(pictures["normal"])])
    scripted.may_step.release()
    assert next(steps)["step"] == 1
    steps.close()
    assert scripted.ended.wait(20) and len(shared.sessions) == 0
    assert not files_in(tmp_path / "visitors")


# Who can use what, and for how long


def test_an_id_is_too_long_to_guess_and_good_in_any_later_call(tools, shared, pictures):
    first, second = (fit(tools, pictures[name])["detector"] for name in ("normal", "second"))
    assert first != second and min(len(first), len(second)) >= 32
    # Each call is a session of its own, as those of agents are.
    before = len(shared.sessions)
    tools.inspect(data_url(pictures["blot"]), first)
    assert len(shared.sessions) == before + 1


def test_nobody_elses_detector_can_be_named(tools, shared, free, pictures):
    ann = give(shared, "ann", free)
    _, answer = shared.sessions.open("answer", ENGLISH)
    answer.add_detector("theirs", free)
    for name in ("ann", ann.detector_key, "own:", *shared.sessions._sessions):
        with pytest.raises(UserError, match="There is no detector"):
            tools.inspect(data_url(pictures["blot"]), name)


def test_an_unused_detector_is_forgotten_and_a_used_one_is_not(tools, shared, clock, pictures):
    used, unused = (fit(tools, pictures["normal"])["detector"] for _ in range(2))
    clock.now += 400
    tools.inspect(data_url(pictures["blot"]), used)
    clock.now += 400
    shared.sessions.sweep()
    tools.inspect(data_url(pictures["blot"]), used)
    with pytest.raises(UserError, match="in the last 10 minutes"):
        tools.inspect(data_url(pictures["blot"]), unused)


def test_agents_never_push_out_a_visitor_and_keep_a_bounded_number(shared):
    sessions = shared.sessions
    ann = sessions.get("ann")
    keys = [sessions.open("detector", ENGLISH)[0] for _ in range(MAX_AGENT_DETECTORS + 1)]
    for _ in range(MAX_ANSWERS + 1):
        sessions.open("answer", ENGLISH)
    assert sessions.get("ann") is ann
    assert len(sessions) == 1 + MAX_AGENT_DETECTORS + MAX_ANSWERS
    assert sessions.find(keys[0], "detector") is None
    assert all(sessions.find(key, "detector") for key in keys[1:])
    assert sessions.find(keys[1], "answer") is None and sessions.find("ann", "detector") is None


def test_visitors_never_push_out_an_agents_detector(shared):
    sessions = shared.sessions
    key, _ = sessions.open("detector", ENGLISH)
    for number in range(100):
        sessions.get(f"visitor {number}")
    assert sessions.find(key, "detector") is not None


def test_every_file_of_a_call_is_deleted_when_it_is_old(tools, shared, cache, clock, pictures):
    upload = uploaded(cache, pictures["blot"])
    facts, drawn = tools.inspect({"path": str(upload)}, "ring")
    assert "10 minutes" in facts["kept"] and all(path.is_file() for path in drawn.values())
    assert len({path.parent for path in drawn.values()}) == 1
    assert len(drawn["mask"].parent.name) == 64, "a name that nobody can guess"
    clock.now += 601
    shared.sessions.sweep()
    assert not list(cache.iterdir()), "files and their folders"
    assert not files_in(cache.parent) and len(shared.sessions) == 0


def test_an_upload_that_a_visitor_brought_too_stays_theirs(tools, shared, cache, clock, pictures):
    upload = uploaded(cache, pictures["blot"])
    tools.inspect({"path": str(upload)})
    clock.now += 400
    shared.sessions.get("ann").keep(upload)
    clock.now += 400
    shared.sessions.sweep()
    assert upload.is_file()


def test_a_file_that_the_page_shows_everybody_is_never_deleted(tools, shared, cache, pictures):
    shown = uploaded(cache, pictures["blot"])
    shared.sessions.of_everybody = {shown}
    tools.inspect({"path": str(shown)})
    for key in list(shared.sessions._sessions):
        shared.sessions.forget(key)
    assert files_in(cache) == [shown.name]


def test_nothing_of_a_picture_stays_in_memory_after_the_call(tools, shared, pictures):
    tools.explain(data_url(pictures["blot"]), None, "ring")
    (kept,) = shared.sessions._sessions.values()
    assert not kept.inspections and not kept.own and kept.kind == "answer"


def test_sentences_come_in_the_callers_language(tools):
    with pytest.raises(UserError, match="data: URL、上传到本服务器的文件"):
        tools.inspect("", "", CHINESE)
    with pytest.raises(UserError, match="像素"):
        tools.explain("", [1], "", CHINESE)


def test_a_large_picture_is_drawn_small_and_masked_in_full(tools, cache, tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(cv2.resize(striped(3), (1800, 1350))).save(path)
    facts, drawn = tools.inspect({"path": str(uploaded(cache, path))}, "ring")
    assert load_image(drawn["mask"]).shape[:2] == (1350, 1800) == tuple(facts["mask"]["size"])
    assert max(load_image(drawn["overlay"]).shape) == 1024
