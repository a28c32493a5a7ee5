"""The painter: a picture to draw a mask on, one class value per pixel, as a component of the page.

The browser draws at the picture's own resolution and sends every stroke as a patch; painter_data
says what goes to and fro. Events: `draw` with `picture` and `patch`, `resync` with `picture`.
Properties beside the value: `mask`, `classes`, `levels` (for magic fill), `texts`, and `ack`, the
answer to a `draw`. `listen` wires the two events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from inpformer.ui.painter_data import LabelClass, painter_classes
from inpformer.ui.scripts import read_script
from inpformer.ui.words import ENGLISH, Words

_SCRIPTS = ("moves.js", "painter_pixels.js", "painter.js", "painter_tools.js")

# What the visitor's language says is filled in by the script.
_TEMPLATE = """
<div class="painter is-empty">
  <div class="painter-bar" role="toolbar" data-say-label="toolbar">
    <div class="painter-group" role="group" data-say-label="tools">
      <button type="button" data-tool="brush" data-say="brush" data-key="B"></button>
      <button type="button" data-tool="eraser" data-say="eraser" data-key="E"></button>
      <button type="button" data-tool="polygon" data-say="polygon" data-key="P"></button>
      <button type="button" data-tool="box" data-say="box" data-key="R"></button>
      <button type="button" data-tool="fill" data-say="fill" data-key="F"></button>
    </div>
    <div class="painter-group" role="group" data-say-label="history">
      <button type="button" data-do="undo" data-say="undo" data-key="Z"></button>
      <button type="button" data-do="redo" data-say="redo" data-key="Y"></button>
      <button type="button" data-do="clear" data-say="clear"></button>
    </div>
    <div class="painter-group" role="group" data-say-label="zoom">
      <button type="button" data-zoom="out" data-say-label="zoomOut" data-key="-">−</button>
      <button type="button" data-zoom="in" data-say-label="zoomIn" data-key="+">+</button>
      <button type="button" data-zoom="reset" data-say="reset" data-key="0"></button>
    </div>
  </div>
  <div class="painter-classes" role="radiogroup" data-say-label="classes"></div>
  <div class="painter-controls">
    <label class="for-brush"><span data-say="size"></span>
      <input type="range" class="painter-size" min="0" max="17" value="6" data-key="[ ]"
        data-say-label="size"> <span class="painter-size-now"></span></label>
    <label class="for-fill"><span data-say="source"></span>
      <select class="painter-source">
        <option value="colour" data-say="sourceColour"></option>
        <option value="map" data-say="sourceMap"></option>
        <option value="region" data-say="sourceRegion"></option>
      </select></label>
    <label class="for-fill"><span data-say="tolerance"></span>
      <input type="range" class="painter-tolerance" min="0" max="255" value="32"
        data-say-label="tolerance"> <span class="painter-tolerance-now"></span></label>
    <label><span data-say="opacity"></span>
      <input type="range" class="painter-opacity" min="0" max="1" step="0.05" value="0.55"
        data-say-label="opacity"></label>
  </div>
  <div class="painter-stage" tabindex="0" role="application" data-say-label="stage">
    <div class="painter-scene"></div>
    <canvas class="painter-picture" width="1" height="1" role="img"></canvas>
    <canvas class="painter-mask" width="1" height="1"></canvas>
    <svg class="painter-shapes" aria-hidden="true">
      <path class="painter-shape is-edge"></path><path class="painter-shape"></path>
      <circle class="painter-cursor is-edge"></circle><circle class="painter-cursor"></circle>
    </svg>
    <div class="painter-empty" data-say="empty"></div>
  </div>
  <div class="painter-foot">
    <span class="painter-hint"></span>
    <span class="painter-state" role="status"></span>
    <span class="painter-reason" role="alert"></span>
  </div>
</div>
"""

# Draws must come in order and none may be dropped; the painter itself sends one at a time.
_QUIETLY: dict[str, Any] = {
    "trigger_mode": "multiple",
    "show_progress": "hidden",
    "api_visibility": "private",
}


def build_painter(elem_id: str, classes: Sequence[LabelClass]) -> gr.HTML:
    """Return an empty painter.

    Args:
        elem_id: Its id on the page.
        classes: What regions can be of.

    Raises:
        UserError: See `painter_classes`.
    """
    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=read_script(*_SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        mask=None,
        classes=painter_classes(classes),
        levels=None,
        ack=None,
        texts=painter_texts(ENGLISH),
    )


def listen(
    painter: gr.HTML,
    draw: Callable[[gr.Request, str, Any], dict[str, Any]],
    resync: Callable[[gr.Request, str], dict[str, Any]],
) -> Any:
    """Wire a painter, inside the page's Blocks.

    Args:
        painter: From `build_painter`.
        draw: Given who asks, the picture's id and a patch as it was sent, returns the `ack`; see
            `painter_data.answer_patch`.
        resync: Given who asks and the picture's id, returns the `mask`; see
            `painter_data.painter_mask`.

    Returns:
        The event of a drawing, for what is to happen after it.
    """

    def on_draw(event: gr.EventData, request: gr.Request) -> Any:
        return gr.update(ack=draw(request, _sent(event, "picture"), _sent(event, "patch")))

    def on_resync(event: gr.EventData, request: gr.Request) -> Any:
        return gr.update(mask=resync(request, _sent(event, "picture")))

    painter.resync(on_resync, None, painter, **_QUIETLY)
    return painter.draw(on_draw, None, painter, **_QUIETLY)


def painter_texts(words: Words) -> dict[str, str]:
    """Return what a visitor reads in the painter."""
    return dict(words.PAINTER_TEXTS)


def _sent(event: gr.EventData, name: str) -> Any:
    # Whoever calls without a browser can leave the data out altogether.
    return event._data.get(name) if isinstance(event._data, dict) else None
