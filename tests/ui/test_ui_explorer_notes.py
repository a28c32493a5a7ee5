"""What the INP explorer says in words about prototypes and patches."""

from types import SimpleNamespace

import numpy as np
import pytest
from ui_doubles import words_of

from inpformer.patch_reason import GroupErrors, MapStanding, PatchReason, SimilarPatch
from inpformer.prototype_health import CoincidentINPs, DrawnINP, PrototypeHealth, UnusedINP
from inpformer.prototypes import inp_colour
from inpformer.ui.explorer_notes import health_panel, inp_legend, number
from inpformer.ui.explorer_views import reason_sentences
from inpformer.ui.words import ENGLISH

FINE = PrototypeHealth(6, 0.1, (), (), ())


def health(is_trained: bool = True, **parts) -> str:
    return words_of(health_panel(PrototypeHealth(**{**vars(FINE), **parts}), is_trained, ENGLISH))


def standing(times: float | None, rank: int = 500) -> MapStanding:
    return MapStanding(1.0, 1.0, times, rank, 1000)


def reason(**parts) -> PatchReason:
    usual = {
        "row": 0,
        "column": 0,
        "box": (0, 0, 8, 8),
        "nearest_inp": 2,
        "distances": (0.5, 0.9, 0.05),
        "typical_distance": 0.05,
        "soft_weights": (0.3, 0.3, 0.4),
        "cosine_error": GroupErrors((0.01, 0.03), (0.01, 0.03)),
        "length_error": None,
        "standings": {"distance": standing(0.5), "reconstruction": standing(0.5)},
        "similar_here": (),
        "similar_normal": (SimilarPatch(0.99, 0, 0, (0, 0, 8, 8), 0),),
    }
    return PatchReason(**{**usual, **parts})


def sentences(given: PatchReason, usual: float | None = 0.99) -> str:
    return " ".join(reason_sentences(given, SimpleNamespace(typical_similarity=usual), ENGLISH))


# Health


def test_prototypes_without_fault_are_called_so():
    assert "✓ Nothing suspicious" in health()
    assert "?" not in health() and "⚠" not in health()


def test_a_prototype_drawn_to_the_flagged_region_is_named_with_its_numbers_and_what_to_do():
    words = health(drawn=(DrawnINP(4, 0.24, 4.04), DrawnINP(0, 0.19, 3.1)), flagged_share=0.061)
    assert "⚠" in words and "6.1%" in words
    assert "INP 5 with 24% of its attention, 4.0 times an even spread; INP 1 with 19%" in words
    assert ENGLISH.HEALTH_DRAWN_WHY in words and "✓" not in words


def test_coinciding_prototypes_are_named_and_the_advice_suits_the_detector():
    group = (CoincidentINPs((0, 3), 0.9951),)
    assert "INP 1, INP 4 coincide (cosine 0.995 or more)" in health(coincident=group)
    assert ENGLISH.HEALTH_FEWER_FIT in health(coincident=group)
    assert ENGLISH.HEALTH_FEWER_LIVE in health(is_trained=False, coincident=group)


def test_a_few_unused_prototypes_are_a_remark_and_a_collapse_is_a_warning():
    few = tuple(UnusedINP(index, 0.001) for index in (1, 2))
    words = health(unused=few)
    assert "INP 2, INP 3 (of 6)" in words and "⚠" not in words
    assert ENGLISH.HEALTH_UNUSED_TRAINED in words
    all_but_one = tuple(UnusedINP(index, 0.0) for index in range(5))
    assert "⚠" in health(unused=all_but_one)
    assert ENGLISH.HEALTH_COLLAPSED in health(unused=all_but_one)


def test_what_could_not_be_checked_is_said():
    assert ENGLISH.HEALTH_NO_THRESHOLD in health(flagged_share=None)
    assert ENGLISH.HEALTH_NOTHING_FLAGGED in health(flagged_share=0.0)


# Reasons


def test_a_usual_patch_is_called_usual():
    words = sentences(reason())
    assert "most like INP 3, and about as near to it as usual" in words
    assert "about as well as usual" in words
    assert "have patches like it" in words


@pytest.mark.parametrize(
    ("times_threshold", "distance", "expected"),
    [
        (1.2, 0.05, "but unlike it all the same"),
        (0.9, 0.10, "somewhat farther"),
        (0.9, 0.06, "as usual"),
    ],
)
def test_the_threshold_decides_what_is_called_unlike(times_threshold, distance, expected):
    given = reason(
        distances=(0.5, 0.9, distance), standings={"distance": standing(times_threshold)}
    )
    assert expected in sentences(given)


@pytest.mark.parametrize(("rank", "expected"), [(3, "unlike it all the same"), (30, "as usual")])
def test_without_a_threshold_the_first_hundredth_of_the_picture_stands_out(rank, expected):
    assert expected in sentences(reason(standings={"distance": standing(None, rank)}))


@pytest.mark.parametrize(
    ("times_threshold", "expected"), [(1.5, "could not rebuild"), (0.5, "less well than usual")]
)
def test_what_the_decoder_failed_at_is_said_in_its_worst_measure(times_threshold, expected):
    given = reason(
        length_error=GroupErrors((2.0, 6.0), (1.0, 1.0)),
        standings={"reconstruction": standing(times_threshold), "distance": standing(0.5)},
    )
    words = sentences(given)
    assert expected in words
    assert "off by 4.00 (Euclidean distance), 4.00 times the typical patch (1.00)" in words


def test_without_a_decoder_and_without_shots_nothing_is_said_of_them():
    words = sentences(reason(cosine_error=None, similar_normal=()), usual=None)
    assert ENGLISH.REASON_NOT_DECODED in words and "normal pictures" not in words


def test_a_patch_that_no_normal_picture_has_is_called_so():
    assert "Nothing in the normal pictures is much like it: cosine 0.990" in sentences(
        reason(), usual=0.999
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.98996, "0.990"),
        (0.1, "0.100"),
        (1, "1.00"),
        (-0.25, "-0.250"),
        (0.00004321, "0.0000432"),
        (12.345, "12.3"),
        (41234.5, "41,234"),
    ],
)
def test_numbers_have_three_digits_that_count_and_no_exponent(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize("count", [1, 6, 40])
def test_the_legend_shows_every_colour(count):
    legend = inp_legend(np.full(count, 1 / count))
    assert all(f"rgb{inp_colour(index)}" in legend for index in range(count))
