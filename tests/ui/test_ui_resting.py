"""Results that nobody looks at are the same, and take no memory."""

from dataclasses import fields
from mmap import mmap

import numpy as np
import pytest
from ui_doubles import striped

from inpformer.result import AnomalyResult
from inpformer.ui.resting import rested


def arrays_of(result: AnomalyResult) -> dict[str, np.ndarray | None]:
    seen = result.explanation
    return {**result.score_maps, **{each.name: getattr(seen, each.name) for each in fields(seen)}}


def base_of(array: np.ndarray) -> object:
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


@pytest.fixture(params=["plus", "free"])
def result(request) -> AnomalyResult:
    """One with all maps, and one with a single map and nothing decoded."""
    return request.getfixturevalue(request.param).predict(striped(3))


def test_a_result_in_a_file_is_the_same_to_the_bit(result, tmp_path):
    before, resting = arrays_of(result), rested(result, tmp_path / "maps")
    after = arrays_of(resting)
    assert after.keys() == before.keys()
    for name, values in before.items():
        if values is None:
            assert after[name] is None
        else:
            assert after[name].dtype == values.dtype and np.array_equal(after[name], values)
    assert (resting.map_name, resting.scores) == (result.map_name, result.scores)
    assert np.array_equal(resting.anomaly_map, result.anomaly_map)


def test_no_array_of_it_is_in_memory(result, tmp_path):
    arrays = arrays_of(rested(result, tmp_path / "maps")).values()
    assert all(each is None or isinstance(base_of(each), mmap) for each in arrays)


def test_what_somebody_draws_into_a_map_does_not_reach_the_file(result, tmp_path):
    resting = rested(result, tmp_path / "maps")
    before = (tmp_path / "maps").read_bytes()
    resting.score_maps[result.map_name][:] = 7
    assert (tmp_path / "maps").read_bytes() == before


def test_only_the_result_on_the_screen_is_in_memory(inspecting, pictures):
    for name in ("normal", "blot", "second"):
        inspecting.inspect("ann", str(pictures[name]))
    session = inspecting.handlers.sessions.get("ann")
    *others, shown = session.inspections.values()
    assert shown is session.inspection and not list(shown.path.parent.glob("*.maps"))
    assert all(len(list(each.path.parent.glob("*.maps"))) == 1 for each in others)
    # And back again: it is drawn from the file.
    inspecting.show("ann", others[0].id)
    assert list(shown.path.parent.glob("*.maps"))


def test_with_a_full_disk_a_result_stays_in_memory(inspecting, pictures, monkeypatch):
    monkeypatch.setattr("inpformer.ui.inspection.rested", full_disk)
    for name in ("normal", "blot"):
        inspecting.inspect("ann", str(pictures[name]))
    session = inspecting.handlers.sessions.get("ann")
    first = next(iter(session.inspections.values()))
    assert not isinstance(base_of(first.result.score_maps[first.result.map_name]), mmap)
    assert inspecting.show("ann", first.id).verdict


def full_disk(*_: object) -> AnomalyResult:
    raise OSError(28, "No space left on device")
