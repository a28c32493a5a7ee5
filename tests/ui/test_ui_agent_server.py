"""The functions for agents on a live server: as tools for a real MCP client, and over HTTP."""

import asyncio
import base64
import http.server
import json
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from pycocotools import mask as coco_mask
from ui_doubles import SECONDS, Page, file_value

from inpformer import examples
from inpformer.detector import AnomalyDetector
from inpformer.images import load_image

PART = examples.find_examples().part("washer")
DEFECT, NORMALS = PART.pictures[0].path, PART.normal_paths[:2]


def mcp_client():
    return pytest.importorskip("mcp.client.streamable_http").streamablehttp_client


def with_client(page: Page, work) -> Any:
    """Let `work` use a client of its own, which is a stranger to the server."""
    from mcp import ClientSession

    async def run():
        async with (
            mcp_client()(f"{page.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as client,
        ):
            await client.initialize()
            return await work(client)

    return asyncio.run(asyncio.wait_for(run(), 120))


def tool(page: Page, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool as a new client, and return its answer."""
    answer = with_client(page, lambda client: client.call_tool(name, arguments))
    assert not answer.isError, answer.content
    (content,) = answer.content
    return json.loads(content.text)


def refusal(page: Page, name: str, **arguments: Any) -> str:
    """Call a tool as a new client, and return the sentence it is refused with."""
    answer = with_client(page, lambda client: client.call_tool(name, arguments))
    assert answer.isError, answer.content
    (content,) = answer.content
    assert "Traceback" not in content.text and ".py" not in content.text
    return content.text


def over_http(page: Page, name: str, *data: Any, **headers: str) -> Any:
    """Call a function with two plain requests, and return the answer or raise the sentence."""
    address = f"{page.url}/gradio_api/call/{name}"
    started = httpx.post(address, json={"data": data}, headers=headers, timeout=SECONDS)
    events = httpx.get(f"{address}/{started.json()['event_id']}", timeout=60).text
    kind, value = events.strip().splitlines()[-2:]
    value = json.loads(value.removeprefix("data: "))
    if kind == "event: error":
        raise LookupError(value["error"])
    return value[0]


def data_url(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def fetched(link: str) -> np.ndarray:
    answer = httpx.get(link)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    picture = Image.open(BytesIO(answer.content))
    assert picture.format == "PNG"
    return np.asarray(picture)


@pytest.fixture
def neighbour() -> Iterator[list[str]]:
    """Another server on this computer, at the address that comes first, with what it is asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked.append(f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


# Tools


def test_three_tools_are_listed_with_what_they_take(lab):
    listed = with_client(lab, lambda client: client.list_tools()).tools
    assert {each.name for each in listed} == {"inspect", "fit", "explain"}
    takes = {each.name: set(each.inputSchema["properties"]) for each in listed}
    assert takes["inspect"] == {"image", "detector"}
    assert takes["explain"] == {"image", "detector", "patch"}
    assert takes["fit"] == {"normal_images", "steps"}
    for each in listed:
        assert each.description.endswith(".") and "JSON" in each.description
        for name, schema in each.inputSchema["properties"].items():
            # Gradio shows an agent the first line alone.
            assert schema["description"].endswith("."), (each.name, name)
    told = httpx.get(f"{lab.url}/gradio_api/mcp/schema").json()
    assert {each["name"] for each in told} == set(takes)


@pytest.mark.parametrize("name", ["redraw", "own_detectors", "agent_inspect", "load_detector"])
def test_no_other_function_of_the_page_can_be_called_as_a_tool(lab, name):
    assert name in refusal(lab, name)


def test_a_tools_verdict_and_mask_are_those_of_the_library(lab):
    answer = tool(lab, "inspect", image=data_url(DEFECT), detector="part:washer")
    result = AnomalyDetector.load(PART.detector_path).predict(load_image(DEFECT))
    assert answer["verdict"] == "anomalous" and result.is_anomalous
    assert answer["image_score"] == pytest.approx(result.image_score, rel=1e-5)
    assert answer["confidence"] == pytest.approx(result.confidence, rel=1e-5)
    mask = coco_mask.decode(answer["mask"]) > 0
    assert np.array_equal(mask, result.mask()) and mask.any()
    assert np.array_equal(fetched(answer["links"]["mask"]) > 0, mask)
    for name in ("overlay", "heatmap"):
        assert fetched(answer["links"][name]).shape == (*mask.shape, 3)
    assert fetched(answer["links"]["prototypes"]).ndim == 3
    assert all(link.startswith(lab.url) for link in answer["links"].values())


def test_a_normal_part_is_said_to_be_normal(lab):
    good = next(each.path for each in PART.pictures if each.defect == "good")
    answer = tool(lab, "inspect", image=data_url(good), detector="washer")
    assert answer["verdict"] == "normal" and answer["confidence"] < 0.5


def test_an_agent_fits_and_uses_the_id_in_later_sessions(lab, quick_fits):
    heard = []

    async def hear(progress, total, message):
        heard.append(message)

    urls = [data_url(path) for path in NORMALS]
    answer = with_client(
        lab,
        lambda client: client.call_tool("fit", {"normal_images": urls}, progress_callback=hear),
    )
    fitted = json.loads(answer.content[0].text)
    assert fitted["state"] == "done" and fitted["shots"] == 2 and fitted["threshold"] > 0
    assert any(message and "Step" in message for message in heard), heard
    inspected = tool(lab, "inspect", image=data_url(DEFECT), detector=fitted["detector"])
    assert inspected["threshold"] == fitted["threshold"]
    assert inspected["verdict"] in ("anomalous", "normal")
    # A client that asks for no progress is told the end all the same.
    again = tool(lab, "fit", normal_images=urls[:1], steps=2)
    assert again["state"] == "done" and again["detector"] != fitted["detector"]


def test_an_agent_asks_for_the_reason_of_the_hottest_patch_and_of_another(lab):
    hottest = tool(lab, "explain", image=data_url(DEFECT), detector="washer")
    assert hottest["reason"]["maps"]["fused"]["rank"] == 1 and len(hottest["words"]) == 3
    corner = tool(lab, "explain", image=data_url(DEFECT), detector="washer", patch=[5, 5])
    assert (corner["reason"]["row"], corner["reason"]["column"]) == (1, 1)
    drawn = fetched(corner["links"]["picture"])
    assert drawn.ndim == 3 and not np.array_equal(drawn, fetched(hottest["links"]["picture"]))


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("inspect", {"image": ""}, "Give the picture as a data: URL"),
        ("inspect", {"image": "data:image/png;base64,aGVsbG8="}, "cannot be read as a picture"),
        ("inspect", {"image": data_url(DEFECT), "detector": "nut"}, "There is no detector 'nut'"),
        ("inspect", {}, "image"),
        ("explain", {"image": data_url(DEFECT), "patch": [9999, 1]}, "512 × 512 pixels"),
        ("explain", {"image": data_url(DEFECT), "patch": [1]}, "two numbers, x and y"),
        ("fit", {"normal_images": []}, "1 to 16 pictures"),
        ("fit", {"normal_images": ["data:,"] * 17}, "1 to 16 pictures"),
        ("fit", {"normal_images": [data_url(DEFECT)], "steps": 9999}, "1 to 2000"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(lab, name, arguments, said):
    assert said in refusal(lab, name, **arguments)


def test_a_request_that_is_too_large_is_refused_by_the_server(lab):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"x": "A" * 5_000_000}}
    headers = {"accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{lab.url}/gradio_api/mcp/", json=body, headers=headers)
    assert answer.status_code == 413


# Files and addresses


def test_a_tool_reads_no_file_of_the_server_and_no_visitors_upload_by_its_path(lab):
    upload = lab.uploaded(DEFECT)["path"]
    for sent in ("/etc/passwd", "file:///etc/passwd", upload, f"file://{upload}"):
        assert "no files of its own" in refusal(lab, "inspect", image=sent)
    link = f"{lab.url}/gradio_api/file="
    assert "no files of its own" in refusal(lab, "inspect", image=f"{link}/etc/passwd")
    answer = tool(lab, "inspect", image=link + upload, detector="washer")
    assert answer["verdict"] == "anomalous", "the link to an upload is the key to it"


@pytest.mark.parametrize("argument", ["image", "detector", "patch", "normal_images"])
def test_gradios_own_client_is_never_given_a_file_to_open(lab, argument):
    file = file_value("/etc/hostname")
    name = "fit" if argument == "normal_images" else "explain"
    arguments = {"image": data_url(DEFECT)} if name == "explain" else {}
    arguments[argument] = [file] if name == "fit" else file
    said = refusal(lab, name, **arguments)
    assert "file=" not in said and ("not of type" in said or "not valid" in said)


def test_the_server_refuses_files_also_where_no_schema_does(lab):
    refuse = lab.demo.mcp_server_obj.convert_strings_to_filedata
    assert refuse({"image": "a", "patch": [1, 2]}, []) == {"image": "a", "patch": [1, 2]}
    for value in (file_value("/etc/passwd"), [file_value("/etc/passwd")], [[{}]]):
        with pytest.raises(ValueError, match="Give pictures as text"):
            refuse({"image": value}, [])


def test_nothing_is_fetched_for_anybody(lab, neighbour):
    address = f"{neighbour[0]}/part.png"
    assert "opens no other addresses" in refusal(lab, "inspect", image=address)
    for sent in (address, file_value(address), {**file_value("a"), "url": address}):
        with pytest.raises(LookupError, match="opens no other addresses"):
            over_http(lab, "agent_inspect", sent, "washer")
    assert len(neighbour) == 1, "nobody asked the other server for anything"


def test_the_page_keeps_the_pictures_it_shows_when_an_agent_was_given_one(lab):
    config = httpx.get(f"{lab.url}/config").json()
    shown = {part["props"].get("elem_id"): part["props"] for part in config["components"]}
    picture = shown["results-gallery"]["value"][0]["image"]["path"]
    assert over_http(lab, "agent_inspect", {"path": picture})["width"] > 0
    assert Path(picture).resolve() in lab.demo._visitors.of_everybody


def test_the_web_server_knows_the_drawings_to_delete_when_it_stops(lab):
    links = tool(lab, "inspect", image=data_url(DEFECT))["links"]
    known = set().union(*lab.demo.temp_file_sets)
    assert {link.partition("file=")[2] for link in links.values()} <= known


# Two at once


def test_two_agents_at_once_get_their_own_answers_and_nobody_elses(lab):
    good = next(each.path for each in PART.pictures if each.defect == "good")
    answers: dict[str, dict] = {}

    def agent(name: str, path: Path) -> None:
        answers[name] = tool(lab, "inspect", image=data_url(path), detector="washer")

    agents = [
        threading.Thread(target=agent, args=args) for args in (("ann", DEFECT), ("bob", good))
    ]
    for each in agents:
        each.start()
    for each in agents:
        each.join(SECONDS)
    assert (answers["ann"]["verdict"], answers["bob"]["verdict"]) == ("anomalous", "normal")
    links = [set(answer["links"].values()) for answer in answers.values()]
    assert not links[0] & links[1]
    folders = [link.rpartition("/")[0] for each in links for link in each]
    assert len(set(folders)) == 2 and all(
        len(folder.rpartition("/")[2]) == 64 for folder in folders
    )
    assert httpx.get(folders[0]).status_code == 403, "a folder is not listed"


def test_an_id_is_of_use_to_those_alone_who_have_all_of_it(lab, quick_fits):
    fitted = tool(lab, "fit", normal_images=[data_url(NORMALS[0])])["detector"]
    for name in (fitted[:-1], fitted.swapcase(), f"own:{fitted}"):
        said = refusal(lab, "inspect", image=data_url(DEFECT), detector=name)
        assert "There is no detector" in said and said.count(fitted) == name.count(fitted)
    visitor = Client(lab.url, verbose=False)
    chooser, *_ = visitor.predict(api_name="/own_detectors")
    assert fitted not in json.dumps(chooser) and "own:" not in json.dumps(chooser)
    assert tool(lab, "inspect", image=data_url(DEFECT), detector=fitted)["threshold"] > 0


# Over HTTP


def test_a_program_calls_with_an_upload_and_may_leave_out_the_end(lab):
    upload = lab.uploaded(DEFECT)
    answer = over_http(lab, "agent_inspect", upload, "part:washer")
    assert answer["verdict"] == "anomalous" and fetched(answer["links"]["overlay"]).ndim == 3
    bare = over_http(lab, "agent_inspect", {"path": upload["path"]})
    assert bare["verdict"] == "not calibrated" and bare["mask"] is None
    reason = over_http(lab, "agent_explain", upload, None, "part:washer")
    assert reason["image_score"] == answer["image_score"] and reason["words"]


def test_gradios_client_sends_files_and_streams_a_fit(lab, quick_fits):
    client = Client(lab.url, verbose=False)
    shots = [handle_file(NORMALS[0])]
    *steps, last = client.submit(normal_images=shots, api_name="/agent_fit")
    assert steps and all(step["state"] == "fitting" for step in steps)
    assert last["state"] == "done"
    answer = client.predict(handle_file(DEFECT), last["detector"], api_name="/agent_inspect")
    assert answer["threshold"] == last["threshold"]
    with pytest.raises(AppError, match=r"There is no detector 'nut' here: .*part:washer"):
        client.predict(handle_file(DEFECT), "nut", api_name="/agent_inspect")


@pytest.mark.parametrize("data", [(), (None,), ([],), ({"path": "/etc/passwd"},), (5, "", 5, 5)])
def test_nonsense_over_http_is_one_sentence(lab, data):
    with pytest.raises(LookupError, match=r"^(Give the picture|This server opens no) .*\.$"):
        over_http(lab, "agent_inspect", *data)


def test_sentences_and_links_suit_the_caller(lab):
    with pytest.raises(LookupError, match="请以 data: URL"):
        over_http(lab, "agent_inspect", "", **{"accept-language": "zh-CN,en"})
    proxied = {"x-forwarded-host": "lab.example", "x-forwarded-proto": "https"}
    answer = over_http(lab, "agent_inspect", lab.uploaded(DEFECT), "washer", **proxied)
    assert answer["links"]["mask"].startswith("https://lab.example/gradio_api/file=")
