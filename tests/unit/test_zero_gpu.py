"""The border to a borrowed GPU, with a stand-in for ZeroGPU that runs in another process.

Like `spaces`, it forks, pickles what goes across, and uses a process again.
"""

import inspect
import multiprocessing
import pickle
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inpformer import zero_gpu
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.detector_file import fingerprint
from inpformer.errors import FitCancelledError, UserError
from inpformer.fit_config import FitConfig
from inpformer.modeling.build import build_encoder, build_model
from inpformer.places import WEIGHTS
from inpformer.zero_gpu import Durations, Lender, make_lender
from inpformer.zero_gpu_side import Call

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="ZeroGPU forks"
)
WASHER = WEIGHTS / "detectors" / "washer.safetensors"
END = "end"


class StandIn:
    """`GPU(duration=...)`: runs functions in a process that is forked when first needed.

    Attributes:
        asked: Seconds that calls asked for.
        sent: Bytes that went there, per call.
        received: Bytes that came back, per answer.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.sent: list[int] = []
        self.received: list[int] = []
        self.processes: list[multiprocessing.Process] = []

    def __call__(self, duration: Callable[..., int]) -> Callable:
        def decorate(task: Callable) -> Callable:
            worker: list[Any] = []

            def send(*given: Any) -> Any:
                self.asked.append(duration(*given))
                if not worker:
                    worker.append(self._fork(task))
                data = pickle.dumps(given)
                self.sent.append(len(data))
                worker[0].send_bytes(data)
                return worker[0]

            @wraps(task)
            def call(*given: Any) -> Any:
                return self._answer(send(*given))

            @wraps(task)
            def stream(*given: Any) -> Iterator[Any]:
                line = send(*given)
                while (answer := self._answer(line)) is not END:
                    try:
                        yield answer
                    except GeneratorExit:
                        line.send_bytes(b"stop")
                        while self._answer(line) is not END:
                            pass
                        raise
                    line.send_bytes(b"go on")

            return stream if inspect.isgeneratorfunction(task) else call

        return decorate

    def _answer(self, line: Any) -> Any:
        data = line.recv_bytes()
        self.received.append(len(data))
        answer = pickle.loads(data)
        if isinstance(answer, Exception):
            raise RuntimeError(f"ZeroGPU worker error: {type(answer).__name__}")
        return END if answer == END else answer

    def _fork(self, task: Callable) -> Any:
        context = multiprocessing.get_context("fork")
        mine, theirs = context.Pipe()
        process = context.Process(target=_work, args=(task, theirs), daemon=True)
        process.start()
        self.processes.append(process)
        return mine

    def close(self) -> None:
        for process in self.processes:
            process.terminate()
            process.join()


def _work(task: Callable, line: Any) -> None:
    torch.set_num_threads(1)
    while True:
        given = pickle.loads(line.recv_bytes())
        try:
            if not inspect.isgeneratorfunction(task):
                line.send_bytes(pickle.dumps(task(*given)))
                continue
            with_steps = task(*given)
            for answer in with_steps:
                line.send_bytes(pickle.dumps(answer))
                if line.recv_bytes() == b"stop":
                    with_steps.close()
                    break
            line.send_bytes(pickle.dumps(END))
        except Exception as error:
            line.send_bytes(pickle.dumps(error))


@pytest.fixture
def start(tiny_config) -> AnomalyDetector:
    """A training-free detector on a small encoder, which is nowhere on the disk."""
    config = replace(tiny_config, variant="training-free")
    encoder = replace(config.encoder, token_budget=30)
    config = replace(config, encoder=encoder)
    model = build_model(config, build_encoder(encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


@pytest.fixture
def embedded() -> AnomalyDetector:
    return AnomalyDetector.load("embedded", "cpu")


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.fixture
def gpu() -> Iterator[StandIn]:
    stand_in, threads = StandIn(), torch.get_num_threads()
    torch.set_num_threads(1)
    yield stand_in
    AnomalyDetector.lender = None
    torch.set_num_threads(threads)
    stand_in.close()


@pytest.fixture
def lender(gpu: StandIn, start: AnomalyDetector) -> Lender:
    lender = Lender(gpu, "cpu")
    lender.serve(start)
    return lender


CONFIG = FitConfig(steps=3, pseudo_anomalies=2, head_steps=2, decoder_depth=2, tokens_per_view=9)


def both(function: Callable[[], Any]) -> tuple[Any, Any]:
    """What a function gives with the lender, and without."""
    lender = AnomalyDetector.lender
    assert lender is not None
    borrowed = function()
    AnomalyDetector.lender = None
    try:
        return borrowed, function()
    finally:
        AnomalyDetector.lender = lender


def test_elsewhere_there_is_no_lender_and_nothing_is_imported(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert make_lender() is None and AnomalyDetector.lender is None
    assert "spaces" not in sys.modules


def test_maps_are_the_same_bit_by_bit_and_came_from_another_process(gpu, lender, start, picture):
    borrowed, own = both(lambda: start.predict(picture))
    assert len(gpu.processes) == 1 and len(gpu.sent) == 1
    assert borrowed.score_maps.keys() == own.score_maps.keys()
    for name, values in own.score_maps.items():
        np.testing.assert_array_equal(borrowed.score_maps[name], values)
    np.testing.assert_array_equal(borrowed.explanation.inps, own.explanation.inps)


@pytest.mark.parametrize("zero_shot", [False, True])
def test_a_detector_that_came_after_the_process_began_is_known_there(
    gpu, embedded, picture, zero_shot
):
    Lender(gpu, "cpu").serve(embedded)
    embedded.predict(picture)  # the process is forked here
    late = AnomalyDetector.load(WASHER, "cpu").sharing_encoder(embedded)
    late = late.zero_shot() if zero_shot else late
    borrowed, own = both(lambda: late.predict(picture))
    assert len(gpu.processes) == 1
    np.testing.assert_array_equal(borrowed.anomaly_map, own.anomaly_map)
    assert borrowed.scores == own.scores and borrowed.notices == own.notices


def test_a_detector_on_another_encoder_brings_it_along(lender, embedded, picture):
    borrowed, own = both(lambda: embedded.predict(picture))
    np.testing.assert_array_equal(borrowed.anomaly_map, own.anomaly_map)


def test_patches_and_many_pictures_and_tiles_cross_too(lender, start, picture):
    borrowed, own = both(lambda: start.patch_tokens(picture))
    np.testing.assert_array_equal(borrowed.directions, own.directions)
    borrowed, own = both(lambda: list(start.predict_many([picture, picture[:, ::-1]], tiles="2x2")))
    for mine, theirs in zip(borrowed, own, strict=True):
        np.testing.assert_array_equal(mine.anomaly_map, theirs.anomaly_map)


def test_a_fit_gives_the_same_detector_with_weights_on_the_cpu(gpu, lender, start, picture):
    seen: list[list[str]] = []

    def fit() -> AnomalyDetector:
        steps: list[str] = []
        seen.append(steps)
        return start.fit([picture], CONFIG, lambda step: steps.append(f"{step.phase} {step.step}"))

    borrowed, own = both(fit)
    assert fingerprint(borrowed) == fingerprint(own)
    assert borrowed.calibration == own.calibration and borrowed.provenance == own.provenance
    assert borrowed.device.type == "cpu" and borrowed.model.encoder is start.model.encoder
    assert seen[0] == seen[1] and len(seen[0]) > 10
    # And it can be used at once, there as here.
    mine, theirs = both(lambda: borrowed.predict(picture).anomaly_map)
    np.testing.assert_array_equal(mine, theirs)


def test_a_fit_that_is_cancelled_ends_there_and_the_process_goes_on(gpu, lender, start, picture):
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return True

    with pytest.raises(FitCancelledError):
        start.fit([picture], replace(CONFIG, steps=100_000), should_stop=should_stop)
    assert asked == [1]
    assert start.fit([picture], CONFIG).calibration is not None
    assert len(gpu.processes) == 1


def test_what_is_wrong_with_the_pictures_is_said_as_elsewhere(lender, start):
    with pytest.raises(UserError, match="at least 1 normal picture"):
        lender.fit(start, start.config, [], CONFIG, None, None, ())


def test_what_crosses_is_small(gpu, lender, start, picture):
    big = np.repeat(np.repeat(picture, 20, axis=0), 20, axis=1)
    start.predict(big)
    start.fit([big], CONFIG)
    # A picture as the network sees it, not as it was brought; steps and heads, no encoder.
    assert max(gpu.sent) < big.nbytes / 10 and max(gpu.received) < 2e6


def test_files_of_detectors_go_with_them(lender, start, picture):
    late = start.with_inp_count(2)
    late.predict(picture)
    path, gone = Path(lender._paths[late]), weakref.ref(late)
    assert path.is_file()
    del late
    assert gone() is None and not path.exists()


def test_nothing_is_known_of_what_the_process_keeps(lender, start, picture):
    start.predict(picture)
    assert not lender._there._loaded and AnomalyDetector.lender is lender


def call(work: int, kind: str = "run") -> Call:
    return Call(kind, "x", "embedded", work)


def test_the_seconds_asked_for_follow_what_was_measured():
    durations = Durations({"run": 0.01, "fit": 0.01})
    first = durations.ask(call(1000))
    assert first == 3 + 15
    for seconds in (2.0, 9.0, 1.0):
        durations.note(call(1000), seconds)
    assert durations.ask(call(1000)) == 3 + 6
    assert durations.ask(call(2000)) == 3 + 12
    assert durations.ask(call(1000, "fit")) == first
    for _ in range(20):
        durations.note(call(1000), 1.0)
    assert durations.ask(call(1000)) < 3 + 6


def test_the_seconds_of_a_small_call_are_not_those_of_each_part_of_a_large_one():
    durations = Durations({"run": 0.01, "fit": 0.01})
    durations.note(call(10), 1.0)
    durations.note(call(10_000), 1.5)
    assert durations.ask(call(20_000)) < 12


def test_no_call_asks_for_more_than_a_visitor_has_a_day():
    durations = Durations({"run": 1.0, "fit": 1.0})
    assert durations.ask(call(10**9)) < 120


def test_calls_of_the_page_ask_for_few_seconds(gpu, lender, start, picture):
    start.predict(picture)
    start.fit([picture], CONFIG)
    looked, fitted = gpu.asked
    assert 1 <= looked <= 10 and 1 <= fitted <= 60
    start.predict(picture)
    assert gpu.asked[-1] <= looked


def test_a_call_that_zero_gpu_ended_asks_for_more_the_next_time(lender):
    before = lender.durations.ask(call(10**6))
    lender._note_end(call(10**6), RuntimeError("quota exceeded"))
    assert lender.durations.ask(call(10**6)) == before
    lender._note_end(call(10**6), RuntimeError("GPU task aborted"))
    assert lender.durations.ask(call(10**6)) > before


def test_engines_with_recorded_runs_cannot_be_chosen_there(lender, start):
    with pytest.raises(UserError, match="NVIDIA"):
        start.with_engine("torch-bf16")


def test_the_page_loads_on_the_cpu_and_serves_through_the_lender(monkeypatch, gpu, start):
    import app
    from inpformer import examples
    from inpformer.examples import Examples
    from inpformer.ui import layout

    loaded: list[tuple] = []
    monkeypatch.setattr(zero_gpu, "make_lender", lambda: Lender(gpu, "cpu"))
    monkeypatch.setattr(AnomalyDetector, "load", lambda *given: loaded.append(given) or start)
    monkeypatch.setattr(examples, "find_examples", Examples)
    monkeypatch.setattr(layout.gr.Blocks, "launch", lambda *_, **__: None)
    monkeypatch.setattr(sys, "argv", ["app.py", "--device", "cuda"])
    assert app.main() == 0
    assert loaded[0][1] == "cpu" and AnomalyDetector.lender is not None
