"""What can be wrong with normal pictures as pictures: repeats, blur, size, light. No model runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

FindingKind = Literal[
    "identical",
    "near_duplicate",
    "unlike",
    "odd_place",
    "unlike_pair",
    "blurred",
    "aspect",
    "size",
    "small",
    "dark",
    "overexposed",
    "light",
    "flat",
]
Severity = Literal["stop", "warn", "info"]
SEVERITIES: tuple[Severity, ...] = ("stop", "warn", "info")

# Of the example parts, no two pictures agree in more than 0.11 of their grain; one picture saved
# again as JPEG of quality 40, shifted or brightened, agrees with itself in 0.3 at least.
SAME_TEXTURE = 0.2
# Sharpness is about 1 over the width of the sharpest edges, in pixels that the model sees.
BLURRED_SHARPNESS = 0.33
BLURRED_SHARE = 0.75
ASPECT_SHARE = 1.05
SIZE_SHARE = 1.5
DARK_LEVEL, BRIGHT_LEVEL = 40, 250
OVEREXPOSED_SHARE = 0.5
LIGHT_STEP = 45
FLAT_DEVIATION = 3.0
_DUPLICATE_SIDE = 384
_SHIFT_SHARE = 0.15
_WINDOW = 21
MIN_GRAIN = 0.5


@dataclass(frozen=True)
class Finding:
    """Something to look at before fitting.

    Attributes:
        kind: What is wrong.
        shots: Indices of the pictures concerned, ascending.
        severity: `stop` would spoil the detector, `warn` may, `info` only wastes something.
        numbers: The figures behind it, by name.
    """

    kind: FindingKind
    shots: tuple[int, ...]
    severity: Severity
    numbers: dict[str, float] = field(default_factory=dict)


def duplicate_findings(images: Sequence[np.ndarray]) -> list[Finding]:
    """Find pictures `(H, W, 3)` uint8 that are there twice, also recompressed or shifted a little.

    Identical ones are told once for the whole group, near ones pair by pair.
    """
    findings = []
    originals: list[int] = []
    groups: dict[int, list[int]] = {}
    for index, image in enumerate(images):
        same = next((i for i in originals if np.array_equal(images[i], image)), None)
        if same is None:
            originals.append(index)
        else:
            groups.setdefault(same, [same]).append(index)
    findings += [Finding("identical", tuple(group), "info") for group in groups.values()]
    textures = {index: _fine_texture(images[index]) for index in originals}
    for place, first in enumerate(originals):
        for second in originals[place + 1 :]:
            agreement = _agreement(textures[first], textures[second])
            if agreement > SAME_TEXTURE:
                numbers = {"agreement": agreement}
                findings.append(Finding("near_duplicate", (first, second), "warn", numbers))
    return findings


def sharpness(image: np.ndarray) -> float:
    """Return how sharp the sharpest edges are, about 1 / their width in pixels; 0 for a flat one.

    The second derivative over the first, each at its strongest: contrast cancels out.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (3, 3), 0)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    curvature = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    steepest = float(np.quantile(slope, 0.995))
    return float(np.quantile(curvature, 0.995)) / steepest if steepest > 0.5 else 0.0


def blur_findings(seen: Sequence[np.ndarray]) -> list[Finding]:
    """Find blurred pictures, by themselves and beside the others.

    Args:
        seen: The pictures at the size that the model sees: blur that vanishes there does no harm.
    """
    values = [sharpness(image) for image in seen]
    findings = []
    for index, value in enumerate(values):
        usual = _usual(values)
        is_blurred = value < BLURRED_SHARPNESS or value < BLURRED_SHARE * (usual or 0)
        if value > 0 and is_blurred:
            numbers = {"sharpness": value, "usual": value if usual is None else usual}
            findings.append(Finding("blurred", (index,), "warn", numbers))
    return findings


def size_findings(images: Sequence[np.ndarray], input_pixels: int) -> list[Finding]:
    """Find pictures of another aspect or size than the others, and those too small.

    Args:
        images: `(H, W, 3)` each.
        input_pixels: Pixels that the model sees of a picture.
    """
    aspects = [image.shape[1] / image.shape[0] for image in images]
    areas = [float(image.shape[0] * image.shape[1]) for image in images]
    findings = []
    for index, (aspect, area) in enumerate(zip(aspects, areas, strict=True)):
        height, width = images[index].shape[:2]
        usual = _usual(aspects) or aspect
        usual_area = _usual(areas) or area
        numbers = {"width": float(width), "height": float(height)}
        if max(aspect / usual, usual / aspect) > ASPECT_SHARE:
            numbers |= {"aspect": aspect, "usual": usual}
            findings.append(Finding("aspect", (index,), "warn", numbers))
        elif max(area / usual_area, usual_area / area) > SIZE_SHARE:
            numbers |= {"share": area / usual_area}
            findings.append(Finding("size", (index,), "warn", numbers))
        if area < input_pixels / 4:
            side = float(np.sqrt(input_pixels))
            findings.append(Finding("small", (index,), "info", {**numbers, "wanted": side}))
    return findings


def light_findings(seen: Sequence[np.ndarray]) -> list[Finding]:
    """Find flat, very dark and overexposed pictures, and those of another light than the others."""
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in seen]
    means = [float(grey.mean()) for grey in greys]
    findings = []
    for index, (grey, mean) in enumerate(zip(greys, means, strict=True)):
        bright = float((grey >= BRIGHT_LEVEL).mean())
        usual = _usual(means)
        if grey.std() < FLAT_DEVIATION:
            numbers = {"deviation": float(grey.std())}
            findings.append(Finding("flat", (index,), "stop", numbers))
        elif np.quantile(grey, 0.95) < DARK_LEVEL:
            findings.append(Finding("dark", (index,), "warn", {"mean": mean}))
        elif bright > OVEREXPOSED_SHARE:
            findings.append(Finding("overexposed", (index,), "warn", {"share": bright}))
        elif usual is not None and abs(mean - usual) > LIGHT_STEP:
            numbers = {"mean": mean, "usual": usual}
            findings.append(Finding("light", (index,), "warn", numbers))
    return findings


def _usual(values: Sequence[float]) -> float | None:
    """Return the lower median; None where no majority can tell which is the odd one."""
    return sorted(values)[(len(values) - 1) // 2] if len(values) >= 3 else None


def _fine_texture(image: np.ndarray) -> np.ndarray:
    """Return grain and edges of a picture: what two pictures of alike parts do not share."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = _DUPLICATE_SIDE / max(grey.shape)
    size = tuple(max(8, round(side * scale)) for side in grey.shape[::-1])
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return small - cv2.GaussianBlur(small, (0, 0), 2)


def _agreement(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two fine textures at their best shift, -1 to 1."""
    if first.shape != second.shape:
        return 0.0
    window = cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F)
    # OpenCV writes into what it is given where the size suits its transform.
    (x, y), _ = cv2.phaseCorrelate(first.copy(), second.copy(), window)
    if max(abs(x) / first.shape[1], abs(y) / first.shape[0]) > _SHIFT_SHARE:
        return 0.0
    move = np.float32([[1, 0, x], [0, 1, y]])
    moved = cv2.warpAffine(first, move, first.shape[::-1])
    inside = cv2.warpAffine(np.ones_like(first), move, first.shape[::-1])
    return _usual_local_correlation(moved, second, inside > 0.99)


def _usual_local_correlation(first: np.ndarray, second: np.ndarray, inside: np.ndarray) -> float:
    """Return the lower quartile of the correlations in small windows that have any texture.

    Two parts of one kind in one place share their edges, which would decide a correlation over the
    whole picture; they do not share the grain between the edges.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (_WINDOW, _WINDOW))

    covariance = mean(first * second) - mean(first) * mean(second)
    variances = [mean(each * each) - mean(each) ** 2 for each in (first, second)]
    textured = inside & (np.minimum(*variances) > MIN_GRAIN**2)
    if textured.mean() < 0.05:
        return 0.0
    spread = np.sqrt(variances[0][textured] * variances[1][textured])
    correlation = covariance[textured] / spread
    return float(np.quantile(correlation, 0.1))


def describe(finding: Finding, names: Sequence[str]) -> str:
    """Return a finding as an English sentence, for the command.

    Args:
        finding: The finding.
        names: Of the pictures.
    """
    who = ", ".join(names[shot] for shot in finding.shots)
    return _SENTENCES[finding.kind].format(who=who, **finding.numbers)


_SENTENCES: dict[FindingKind, str] = {
    "identical": "{who}: the same picture; it counts once.",
    "near_duplicate": "{who}: seem to be one picture, saved twice; hardly more than one.",
    "unlike": "{who}: unlike the other shots ({overall:.1f} times as far away as usual).",
    "unlike_pair": "{who}: unlike each other; is it the same part, shown the same way?",
    "odd_place": "{who}: one place stands out from the other shots; is there a defect?",
    "blurred": "{who}: blurred (sharpness {sharpness:.2f}, usual {usual:.2f}).",
    "aspect": "{who}: sides in a ratio of {aspect:.2f}, where {usual:.2f} is usual.",
    "size": "{who}: {width:.0f} x {height:.0f}, {share:.1f} times the usual area.",
    "small": "{who}: only {width:.0f} x {height:.0f}; the detector could see {wanted:.0f}².",
    "dark": "{who}: very dark.",
    "overexposed": "{who}: overexposed, {share:.0%} of it is white.",
    "light": "{who}: of another brightness ({mean:.0f}, usual {usual:.0f} of 255).",
    "flat": "{who}: one even surface, on which there is nothing to learn.",
}
