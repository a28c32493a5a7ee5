"""The small pieces of HTML, read as a browser reads them."""

from dataclasses import replace
from pathlib import Path

import pytest
from ui_doubles import elements_of, striped, words_of

from inpformer.config import TRAINING_FREE_NOTICE, UNTRAINED_NOTICE, VARIANTS
from inpformer.cut import Cut
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.progress import PHASE_NAMES, FitStep
from inpformer.result import AnomalyResult
from inpformer.scales import Calibration, MapScale
from inpformer.ui import views
from inpformer.ui.inspection import Inspection
from inpformer.ui.viewer_data import cut_layer
from inpformer.ui.words import ENGLISH as text

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)> & {0}'
OUR_TAGS = {"div", "b"}
OUR_ATTRIBUTES = {
    "class",
    "style",
    "role",
    "aria-live",
    "aria-valuemin",
    "aria-valuemax",
    "aria-valuenow",
}


@pytest.fixture(scope="module")
def result(source: AnomalyDetector) -> AnomalyResult:
    return source.predict(striped(3))


def verdict(result: AnomalyResult, cut: float = 1.0, notes: tuple[str, ...] = ()) -> str:
    inspection = inspected(result, notes)
    return views.verdict_card(
        inspection, "distance", cut_layer(inspection, "distance", Cut(cut)), text
    )


def inspected(result: AnomalyResult, notes: tuple[str, ...] = (), detector=None) -> Inspection:
    path = Path("striped.png")
    inspection = Inspection(path.name, path, result, detector, "free", "The start", notes)
    inspection._display_image = striped(3)
    return inspection


def scaled(result: AnomalyResult, factor: float) -> AnomalyResult:
    """Calibrate a result so that its threshold is `factor` times its score."""
    threshold = factor * result.image_score
    return replace(result, scales={"distance": MapScale(threshold, 0.1, 0.0)})


def step(fraction: float, losses: dict[str, float] | None = None) -> FitStep:
    return FitStep("train", 1, 2, losses or {}, fraction, 12.4)


def evil_detector(source: AnomalyDetector) -> AnomalyDetector:
    config = replace(source.config, encoder=replace(source.config.encoder, name=EVIL))
    calibration = Calibration({"distance": MapScale(0.5, 0.1, 0.1)}, 0.05, 9, 3, method=EVIL)
    return AnomalyDetector(source.model, config, Provenance(EVIL, EVIL), calibration)


def assert_nothing_of_it_is_markup(html: str) -> None:
    assert {tag for tag, _ in elements_of(html)} <= OUR_TAGS
    assert {name for _, attributes in elements_of(html) for name in attributes} <= OUR_ATTRIBUTES
    assert "<script>alert(1)</script>" in words_of(html)


def test_nothing_in_the_detector_card_is_taken_for_markup(source):
    detector = evil_detector(source)
    card = views.detector_card(detector, EVIL, text)
    assert_nothing_of_it_is_markup(card)
    assert words_of(card).count("alert(2)") == 4
    uncalibrated = AnomalyDetector(detector.model, detector.config, detector.provenance)
    assert_nothing_of_it_is_markup(views.detector_card(uncalibrated, "Mine", text))


def test_nothing_in_the_verdict_is_taken_for_markup(result):
    evil = replace(result, notices=(EVIL,))
    html = verdict(evil, notes=(EVIL,))
    assert_nothing_of_it_is_markup(html)
    assert words_of(html).count("alert(2)") == 2


def test_nothing_in_a_message_or_a_progress_bar_is_taken_for_markup():
    assert_nothing_of_it_is_markup(views.message(EVIL))
    assert_nothing_of_it_is_markup(views.progress_bar(step(0.5, {EVIL: 1.0}), text))


@pytest.mark.parametrize(
    ("factor", "state", "kind"), [(0.5, True, "bad"), (2.0, False, "good"), (None, None, "open")]
)
def test_the_verdict_has_three_states_told_in_words_and_not_only_in_colour(
    result, factor, state, kind
):
    html = verdict(result if factor is None else scaled(result, factor))
    tag, attributes = elements_of(html)[0]
    assert tag == "div" and attributes["class"].split() == ["verdict", kind]
    assert attributes["aria-live"] == "polite"
    words = words_of(html)
    assert [name for name, said in text.VERDICTS.items() if said in words] == [state]
    assert ("confidence" in words) is (state is not None)
    assert (text.NOT_CALIBRATED in words) is (state is None)
    assert f"{result.image_score:.3f}" in words


def test_a_score_just_at_the_threshold_is_normal_with_even_odds(result):
    words = words_of(verdict(scaled(result, 1.0)))
    assert text.VERDICTS[False] in words and "50%" in words


def test_the_confidence_falls_as_the_threshold_rises(result):
    cuts = (0.5, 0.9, 1.0, 1.1, 1.5)
    shown = [words_of(verdict(scaled(result, 1.0), cut)) for cut in cuts]
    values = [int(words.split("confidence ")[1].split("%")[0]) for words in shown]
    assert values == sorted(values, reverse=True) and values[0] > 50 > values[-1]


def test_an_untrained_encoder_is_told_in_the_card_and_with_every_verdict(source, result):
    for html in (
        views.detector_card(source, "Start", text),
        verdict(result),
        verdict(scaled(result, 2.0)),
    ):
        assert UNTRAINED_NOTICE in words_of(html) and TRAINING_FREE_NOTICE in words_of(html)
        assert "notice" in {attributes.get("class") for _, attributes in elements_of(html)}


def test_a_trained_encoder_brings_no_such_notice(source, plus):
    provenance = replace(plus.provenance, encoder_origin="weights")
    trained = AnomalyDetector(plus.model, plus.config, provenance, plus.calibration)
    words = words_of(views.detector_card(trained, "Mine", text)) + words_of(
        verdict(trained.predict(striped(3)))
    )
    assert UNTRAINED_NOTICE not in words and TRAINING_FREE_NOTICE not in words


def test_the_card_says_what_the_threshold_stands_for(plus):
    words = words_of(views.detector_card(plus, "Mine", text))
    assert plus.calibration.method in words and "%" in words
    assert plus.config.encoder.name in words and "1 normal picture" in words
    labels = {value: label for label, value in text.VARIANTS}
    assert labels["inp-former++"] in words and plus.provenance.encoder_reason in words


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.496, 1 / 3, 0.999, 1.0])
def test_a_progress_bar_can_be_seen_and_heard(fraction):
    html = views.progress_bar(step(fraction, {"total": 0.25}), text)
    (bar,) = [found for _, found in elements_of(html) if found.get("role") == "progressbar"]
    assert (bar["aria-valuemin"], bar["aria-valuemax"]) == ("0", "100")
    assert int(bar["aria-valuenow"]) == pytest.approx(100 * fraction, abs=0.51)
    (width,) = [found["style"] for _, found in elements_of(html) if "style" in found]
    assert width == f"width:{100 * fraction:.1f}%"
    words = words_of(html)
    assert text.PHASES["train"] in words and "12 s left" in words and "total 0.250" in words


def test_every_map_phase_and_variant_has_a_title(plus):
    assert set(plus.config.map_names) == set(text.MAP_TITLES)
    assert {value for _, value in text.VARIANTS} == set(VARIANTS)
    for phase in PHASE_NAMES:
        html = views.progress_bar(replace(step(0.5), phase=phase), text)
        assert text.PHASES[phase] in words_of(html)
