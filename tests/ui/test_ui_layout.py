"""The page on a live server, seen through gradio's own client and without it."""

import json
import re
import zipfile
from pathlib import Path
from urllib.parse import urlparse

import httpx
import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from ui_doubles import (
    SECONDS,
    ScriptedDetector,
    elements_of,
    file_value,
    fraction_of,
    picture_of,
    striped,
    wait_until,
    words_of,
)

from inpformer.config import UNTRAINED_NOTICE
from inpformer.ui.layout import CSS_PATH, build_demo
from inpformer.ui.words import ENGLISH as text
from inpformer.ui.words import label

LOOK = ("full", "fitted")
FREE = ("training-free", 20, 4, True, 1)
TRAINED = ("inp-former", 20, 4, True, 1)


@pytest.fixture
def visit(page):
    """Open the page once more, as another visitor."""
    # Not closed one by one, which waits a second for each: the server ends their connections.
    return lambda: Client(page.url, verbose=False)


@pytest.fixture
def slow_fit(source, free, monkeypatch):
    """Make the server's fits wait for the test."""
    scripted = ScriptedDetector(source, fitted=free)
    monkeypatch.setattr(source, "fit", scripted.fit)
    yield scripted
    scripted.let_go()


def inspect(client: Client, path) -> tuple:
    return client.predict(handle_file(path), *LOOK, api_name="/inspect")


def fit(client: Client, paths, settings=FREE) -> list[tuple]:
    return list(client.submit([handle_file(path) for path in paths], *settings, api_name="/fit"))


# The page itself


def test_the_page_loads_nothing_from_anywhere_else(page):
    elements = elements_of(httpx.get(page.url).text)
    links = [
        address
        for tag, attributes in elements
        if tag in ("script", "link", "img", "iframe", "source")
        for name in ("src", "href")
        if (address := attributes.get(name))
    ]
    assert any(address.endswith(".js") for address in links)
    assert {urlparse(address).netloc for address in links} <= {"", urlparse(page.url).netloc}


def test_the_page_has_its_title_its_style_and_the_detector_in_use(page):
    config = httpx.get(f"{page.url}/config").json()
    assert config["title"] == text.TITLE and not config["analytics_enabled"]
    assert CSS_PATH.read_text("utf-8").splitlines()[0] in config["css"]
    shown = {part["props"].get("elem_id"): part["props"] for part in config["components"]}
    assert "tiny" in shown["detector-card"]["value"]
    assert UNTRAINED_NOTICE in shown["detector-card"]["value"]
    assert words_of(shown["verdict"]["value"]) == text.RESULT_EMPTY


def test_the_first_screen_shows_results_before_any_click(page, example_folder):
    config = httpx.get(f"{page.url}/config").json()
    shown = {part["props"].get("elem_id"): part["props"] for part in config["components"]}
    gallery = shown["results-gallery"]["value"]
    assert len(gallery) == len(example_folder.gallery)
    assert "deep scratch" in gallery[0]["caption"] and text.VERDICTS[True] in gallery[0]["caption"]
    for item in gallery:
        answer = httpx.get(f"{page.url}/gradio_api/file={item['image']['path']}")
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/jpeg"
    assert [value for _, value in shown["part"]["choices"]] == ["ring", "plate"]
    assert len(shown["part-pictures"]["value"]) == len(example_folder.parts[0].pictures)


def test_without_examples_the_page_is_there_without_them(source):
    config = build_demo(source).get_config_file()
    shown = {part["props"].get("elem_id"): part["props"] for part in config["components"]}
    assert not shown["results-gallery"]["value"] and not shown["part-pictures"]["value"]
    assert [key for _, key in shown["detector"]["choices"]] == ["free"]


def test_programs_are_offered_the_actions_that_make_sense_to_them_and_nothing_else(visit):
    info = visit().view_api(return_format="dict", print_info=False)
    named = {"/fit", "/cancel", "/inspect", "/redraw", "/value_at", "/explain_patch"}
    named |= {"/inspect_all", "/list_results", "/results_csv", "/results_json", "/results_zip"}
    named |= {"/compare", "/cancel_compare", "/examine_shots", "/shot_lab"}
    named |= {"/own_detectors", "/load_detector"}
    named |= {"/annotations", "/accept_prediction", "/label_normal", "/set_mask", "/save_class"}
    named |= {"/annotate_add", "/annotate_add_part", "/annotate_predict", "/annotate_export"}
    named |= {"/annotate_import", "/retrain", "/cancel_retrain", "/roll_back"}
    named |= {"/evaluate", "/cancel_evaluation", "/evaluate_threshold", "/evaluation_report"}
    named |= {"/detection_limit", "/agent_inspect", "/agent_fit", "/agent_explain"}
    assert set(info["named_endpoints"]) == named
    assert not info["unnamed_endpoints"]


def test_the_servers_own_files_are_not_served(page):
    for path in ("/etc/passwd", str(CSS_PATH.parent / "handlers.py")):
        assert httpx.get(f"{page.url}/gradio_api/file={path}").status_code == 403


# Inspect and redraw


def test_a_newcomer_inspects_a_picture_and_moves_the_sliders(visit, pictures, monkeypatch, source):
    client = visit()
    verdict, shown, cut, _, maps, *_ = inspect(client, pictures["blot"])
    assert text.VERDICTS[None] in words_of(verdict) and UNTRAINED_NOTICE in verdict
    assert cut["label"] == str(label("CUT_LABEL")) and maps["value"] == "distance"
    assert picture_of(shown["value"]["picture"]).shape == (90, 120, 3)
    monkeypatch.setattr(source, "predict", lambda *_, **__: pytest.fail("a slider ran the model"))
    verdict, redrawn = client.predict("distance", 0.0, 0.0, api_name="/redraw")
    assert "cut 0.000" in words_of(verdict) and set(redrawn) == {"props", "__type__"}
    assert set(redrawn["props"]) - {"__type__"} == {"layer"}, (
        "a slider sends the small new layer alone"
    )
    assert redrawn["props"]["layer"]["mask"] != shown["props"]["layer"]["mask"]
    found = client.predict(3, 4, "distance", 0.5, api_name="/value_at")
    assert (found["x"], found["y"]) == (3, 4) and 0 <= found["raw"] <= 2


def test_many_pictures_stream_their_results_and_are_downloaded(visit, pictures):
    client = visit()
    files = [handle_file(pictures[name]) for name in ("normal", "cut", "blot")]
    *running, last = client.submit(files, None, *LOOK, api_name="/inspect_all")
    counts = [len(report[-2] or []) for report in running]
    assert counts == sorted(counts) and counts[0] == 0 and len(last[-2]) == 2
    assert "cut.png" in words_of(last[0])
    assert {card["name"] for card in last[-2]} == {"normal.png", "blot.png"}
    _, cards, table = client.predict("all", "blot", api_name="/list_results")
    assert [card["name"] for card in cards] == ["blot.png"] and len(table["data"]) == 1
    stored = client.predict(api_name="/results_zip")
    with zipfile.ZipFile(stored) as archive:
        assert len(json.loads(archive.read("results.json"))) == 2
    assert Path(client.predict(api_name="/results_csv")).read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_program_asks_for_the_reason_of_a_patch(visit, pictures):
    client = visit()
    with pytest.raises(AppError, match="inspect a picture"):
        client.predict(1, 1, api_name="/explain_patch")
    inspect(client, pictures["blot"])
    reason = client.predict(2, 3, api_name="/explain_patch")
    assert (reason["row"], reason["column"]) == (2, 3) and reason["nearest_inp"] >= 1
    with pytest.raises(AppError, match="rows"):
        client.predict(0, 3, api_name="/explain_patch")


def test_without_a_picture_the_visitor_is_told_what_to_do(visit):
    client = visit()
    with pytest.raises(AppError, match=text.NO_PICTURE):
        client.predict(None, *LOOK, api_name="/inspect")
    with pytest.raises(AppError, match=text.NOTHING_INSPECTED):
        client.predict("distance", 0.5, 0.0, api_name="/redraw")


@pytest.mark.parametrize("name", ["text", "cut", "empty", "thin"])
def test_an_odd_upload_is_refused_by_its_name(visit, pictures, name):
    with pytest.raises(AppError, match=f"{name}.png"):
        inspect(visit(), pictures[name])


def test_an_upload_that_is_too_large_is_refused_by_the_server(page):
    answer = page.upload("large.png", bytes(101 * 1024 * 1024))
    assert answer.status_code == 413 and "Traceback" not in answer.text


def test_a_file_of_the_server_cannot_be_inspected(page):
    for path in ("/etc/passwd", str(CSS_PATH)):
        answer = page.call("inspect", file_value(path), *LOOK, session="nosy")
        start, end = text.LOST.split("{request}")
        said = answer.json()["error"]
        assert answer.status_code == 500 and said.startswith(start) and said.endswith(end)
        assert path not in answer.text


@pytest.mark.parametrize(
    "values",
    [("distance", None, 0.0), ("mud", 0.5, 0.0), ("distance", 0.5, "mud"), ("distance",)],
)
def test_nonsense_settings_are_answered_without_a_traceback(page, values):
    answer = page.call("redraw", *values, session="odd")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text and ".py" not in answer.text


def test_a_fault_of_ours_is_one_sentence_without_details(
    visit, page, pictures, source, monkeypatch
):
    def fail(*_, **__):
        raise RuntimeError("secret of /srv/model.py")

    monkeypatch.setattr(source, "predict", fail)
    with pytest.raises(AppError) as caught:
        inspect(visit(), pictures["blot"])
    lost = re.compile(re.escape(text.LOST).replace(r"\{request\}", "[0-9a-f]{12}"))
    assert lost.search(str(caught.value)) and "secret" not in str(caught.value)
    answer = page.call("inspect", page.uploaded(pictures["blot"]), *LOOK, session="x")
    assert lost.fullmatch(answer.json()["error"])
    assert "Traceback" not in answer.text and "secret" not in answer.text


# Fit


def test_a_fit_streams_its_progress_and_then_decides(visit, pictures):
    client = visit()
    *running, last = fit(client, [pictures["normal"], pictures["second"]], TRAINED)
    shares = [fraction_of(report[0]) for report in running]
    assert len(shares) > 2 and shares == sorted(shares)
    assert len({report[2] for report in running}) == 1 and last[2] != running[0][2]
    assert "Now inspect" in words_of(last[0])
    verdict, _, cut, _, maps, *_ = inspect(client, pictures["blot"])
    assert "confidence" in words_of(verdict) and cut["label"] == str(label("THRESHOLD_LABEL"))
    names = [name for _, name in maps["choices"]]
    assert names == ["reconstruction", "distance"]
    for name in names:
        redrawn = client.predict(name, 1.5, 0.0, api_name="/redraw")
        assert text.MAP_TITLES[name] in words_of(redrawn[0])


def test_a_training_free_fit_gives_a_verdict_at_once(visit, pictures):
    client = visit()
    assert "Now inspect" in words_of(fit(client, [pictures["normal"]])[-1][0])
    assert "confidence" in words_of(inspect(client, pictures["blot"])[0])


def test_a_fit_that_cannot_start_is_one_sentence(visit, pictures):
    client = visit()
    with pytest.raises(AppError, match=text.NO_NORMALS):
        client.submit(None, *FREE, api_name="/fit").result(SECONDS)
    with pytest.raises(AppError, match=r"cut\.png"):
        files = [handle_file(pictures["normal"]), handle_file(pictures["cut"])]
        client.submit(files, *FREE, api_name="/fit").result(SECONDS)
    with pytest.raises(AppError, match="17"):
        files = [handle_file(pictures["normal"])] * 17
        client.submit(files, *FREE, api_name="/fit").result(SECONDS)
    assert "Now inspect" in words_of(fit(client, [pictures["normal"]])[-1][0])


def test_a_fit_is_cancelled_by_its_visitor_alone(visit, pictures, slow_fit):
    ann, bob = visit(), visit()
    job = ann.submit([handle_file(pictures["normal"])], *FREE, api_name="/fit")
    slow_fit.may_step.release()
    wait_until(lambda: job.outputs(), "the first report of the fit")
    bob.predict(api_name="/cancel")
    slow_fit.may_step.release()
    wait_until(lambda: len(job.outputs()) > 1, "the second report of the fit")
    ann.predict(api_name="/cancel")
    last = job.result(SECONDS)
    assert words_of(last[0]) == text.FIT_CANCELLED and "no normal pictures" in last[2]
    assert slow_fit.ended.wait(SECONDS)


def test_the_doctor_answers_before_a_fit(visit, pictures):
    files = [handle_file(pictures[name]) for name in ("normal", "copy", "flat")]
    said, gallery = visit().predict(files, api_name="/examine_shots")
    assert "normal.png, copy.png" in words_of(said) and "flat.png" in words_of(said)
    assert len(gallery["value"]) == 3


def test_a_fitted_detector_is_downloaded_and_loaded_by_another_visitor(visit, pictures):
    ann, bob = visit(), visit()
    settings = (*FREE, "", 0.05, "tiny", "Line 3")
    files = [handle_file(pictures["normal"])]
    list(ann.submit(files, *settings, api_name="/fit"))
    own, name, _, file, *_ = ann.predict(api_name="/own_detectors")
    assert [title for title, _ in own["choices"]] == ["Line 3"] and name["value"] == "Line 3"
    assert Path(file["value"]).name == "Line_3.safetensors"
    assert bob.predict(api_name="/own_detectors")[0]["choices"] == []
    bob.predict(handle_file(file["value"]), api_name="/load_detector")
    assert "confidence" in words_of(inspect(bob, pictures["blot"])[0])
    with pytest.raises(AppError, match=r"normal\.png"):
        bob.predict(handle_file(pictures["normal"]), api_name="/load_detector")


def test_the_shot_lab_streams_to_its_table(visit, pictures):
    shots = [handle_file(pictures[name]) for name in ("normal", "second")]
    tests = [handle_file(pictures["third"])], [handle_file(pictures["blot"])], None
    job = visit().submit(
        shots, *tests, "training-free", [1, 2], 2, 4, True, 1, api_name="/shot_lab"
    )
    outputs = list(job)
    job.result()  # raises what went wrong, which the list does not tell
    *_, last = outputs
    assert "3 detectors" in words_of(last[0])
    assert [row[:2] for row in last[1]["value"]["data"]] == [["1", "2"], ["2", "1"]]


# Two visitors


def test_two_visitors_see_nothing_of_each_other(visit, pictures):
    ann, bob = visit(), visit()
    fit(ann, [pictures["normal"]])
    inspect(ann, pictures["blot"])
    with pytest.raises(AppError, match=text.NOTHING_INSPECTED):
        bob.predict("distance", 0.5, 0.0, api_name="/redraw")
    assert text.VERDICTS[None] in words_of(inspect(bob, pictures["normal"])[0])
    assert "confidence" in words_of(ann.predict("distance", 1, 0.0, api_name="/redraw")[0])


def test_visitors_without_a_session_see_nothing_of_each_other_either(page, pictures):
    first = page.call_alone("inspect", page.uploaded(pictures["blot"]), *LOOK)
    second = page.call_alone("redraw", "distance", 0.5, 0.0)
    assert "Traceback" not in first
    assert "event: error" in second and text.NOTHING_INSPECTED in second


def test_a_visitor_who_leaves_is_forgotten(page, pictures):
    answer = page.call("inspect", page.uploaded(pictures["blot"]), *LOOK, session="leaver")
    assert answer.status_code == 200
    heartbeat = f"{page.url}/gradio_api/heartbeat/leaver"
    with httpx.stream("GET", heartbeat, timeout=SECONDS) as stream:
        next(stream.iter_lines())

    def is_forgotten() -> bool:
        answer = page.call("redraw", "distance", 0.5, 0.0, session="leaver")
        return answer.json().get("error") == text.NOTHING_INSPECTED

    wait_until(is_forgotten, "the visitor to be forgotten")


def test_no_drawing_is_left_when_its_visitor_is_forgotten(page, tmp_path):
    cache = Path(get_upload_folder())

    def files() -> set[Path]:
        return {path for path in cache.rglob("*") if path.is_file()}

    # Nobody else's: the cache holds a picture once, whoever brings it.
    Image.fromarray(striped(99)).save(tmp_path / "only_here.png")
    before = files()
    picture = page.uploaded(tmp_path / "only_here.png")
    answer = page.call("inspect", picture, *LOOK, session="going")
    assert answer.status_code == 200
    assert page.call("results_zip", session="going").status_code == 200
    assert {path.name for path in files() - before} == {"only_here.png", "results.zip"}
    page.demo._visitors.forget("going")
    # What another visitor brought, too, may have gone meanwhile; nothing of this one stays.
    assert files() <= before


def test_a_program_compares_two_detectors_and_another_visitor_cannot_use_the_first_ones(
    visit, pictures
):
    ann, bob = visit(), visit()
    own = fit(ann, [pictures["normal"]])[-1][1]["value"]
    assert own.startswith("own:")
    files = [handle_file(pictures["blot"]), handle_file(pictures["second"])]
    job = ann.submit([own, "part:ring"], "uploaded", files, None, api_name="/compare")
    rows = str(job.result(SECONDS))
    assert "blot.png" in rows and "second.png" in rows
    with pytest.raises(AppError, match=text.NO_SUCH_DETECTOR[:30]):
        bob.submit([own, "free"], "uploaded", files, None, api_name="/compare").result(SECONDS)
