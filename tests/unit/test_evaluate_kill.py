"""An evaluation that is killed again and again ends with what one in one go gives."""

import multiprocessing
import os
import sys
import time

import numpy as np
import pytest
from evaluation_doubles import GreyDetector, evaluate_and_tell, make_dataset
from test_evaluate import untimed

from inpformer.evaluation.evaluate import evaluate

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="kills by SIGKILL, from a fork server"),
]


def test_kills_at_any_moment_change_nothing(tmp_path, tiny_config):
    dataset = make_dataset(tmp_path / "data", "cap", "nut", "rod")
    whole = evaluate(GreyDetector(tiny_config), dataset)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["evaluation_doubles"])
    rng = np.random.default_rng(0)
    kills, folder = 0, tmp_path / "state"
    with pytest.MonkeyPatch.context() as patch:  # for the fork server, which is begun here
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        last = 0
        while last is not None:
            mine, theirs = context.Pipe(duplex=False)
            arguments = (tiny_config, dataset, folder, theirs)
            process = context.Process(target=evaluate_and_tell, args=arguments, daemon=True)
            process.start()
            theirs.close()
            assert mine.poll(120)
            first = mine.recv()
            assert first is None or first > last, "what was told of is never done again"
            last = first
            time.sleep(rng.uniform(0, 0.06))
            process.kill()
            process.join()
            while mine.poll():
                try:
                    last = mine.recv()
                except EOFError:
                    break
            kills += 1
    assert kills >= 4
    finished = GreyDetector(tiny_config)
    assert untimed(evaluate(finished, dataset, folder=folder)) == untimed(whole)
    assert finished.seen == 0
