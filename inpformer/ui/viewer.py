"""The viewer: a picture with its map, mask and regions, to zoom into, as a component of the page.

The browser draws and colours; the server sends layers once and, when a slider moves, the small new
one alone. Three properties beside the value keep them apart: `heat` (a map), `layer` (its cut) and
`answer` (the value under the last click). `texts` holds what a visitor reads.
"""

from __future__ import annotations

import gradio as gr

from inpformer.ui.scripts import read_script
from inpformer.ui.viewer_data import colour_tables
from inpformer.ui.words import ENGLISH, Words

_SCRIPTS = ("moves.js", "viewer.js", "viewer_moves.js")

# What the visitor's language says is filled in by the script.
_TEMPLATE = """
<div class="viewer" data-mode="overlay">
  <div class="viewer-bar" role="toolbar">
    <div class="viewer-group" role="group" data-say-label="modes">
      <button type="button" data-mode="overlay" data-say="overlay"></button>
      <button type="button" data-mode="heatmap" data-say="heatmap"></button>
      <button type="button" data-mode="mask" data-say="mask"></button>
      <button type="button" data-mode="picture" data-say="picture"></button>
    </div>
    <div class="viewer-group" role="group" data-say-label="show">
      <button type="button" data-toggle="split" data-say="split"></button>
      <button type="button" data-toggle="outlines" data-say="outlines"></button>
      <button type="button" data-toggle="boxes" data-say="boxes"></button>
    </div>
    <div class="viewer-group" role="group" data-say-label="zoom">
      <button type="button" data-zoom="out" data-say-label="zoomOut">−</button>
      <button type="button" data-zoom="in" data-say-label="zoomIn">+</button>
      <button type="button" data-zoom="reset" data-say="reset"></button>
    </div>
  </div>
  <div class="viewer-stage" tabindex="0" role="application" data-say-label="stage">
    <div class="viewer-scene">
      <img class="viewer-picture" alt="" draggable="false">
      <div class="viewer-over">
        <canvas class="viewer-heat" width="1" height="1"></canvas>
        <img class="viewer-mask" alt="" draggable="false">
        <svg class="viewer-shapes" aria-hidden="true">
          <path class="viewer-outline-edge"></path><path class="viewer-outline"></path>
          <g class="viewer-boxes"></g>
        </svg>
      </div>
      <div class="viewer-unseen"></div>
      <div class="viewer-mark"></div>
    </div>
    <div class="viewer-split" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="100"
      data-say-label="splitHandle"><span aria-hidden="true">⇔</span></div>
    <div class="viewer-map"></div>
    <div class="viewer-empty" data-say="empty"></div>
  </div>
  <div class="viewer-value" aria-live="polite" data-say="clickHint"></div>
  <div class="viewer-unseen-note" data-say="unseenNote"></div>
  <div class="viewer-controls">
    <label><span data-say="opacity"></span>
      <input type="range" class="viewer-opacity" min="0" max="1" step="0.05" value="0.6"></label>
    <label><span data-say="colours"></span> <select class="viewer-colours"></select></label>
  </div>
  <div class="viewer-scale" role="img">
    <div class="viewer-scale-unit"></div>
    <div class="viewer-ramp"><canvas width="256" height="1"></canvas>
      <div class="viewer-cut"></div></div>
    <div class="viewer-ticks"></div>
  </div>
  <details class="viewer-regions" open>
    <summary data-say="regions"></summary>
    <table><thead><tr><th data-say="regionNumber"></th><th data-say="regionBox"></th>
      <th data-say="regionArea"></th><th data-say="regionPeak"></th></tr></thead>
      <tbody></tbody></table>
    <div class="viewer-more"></div>
  </details>
</div>
"""


def viewer(elem_id: str) -> gr.HTML:
    """Return an empty viewer; its event `probe` carries `x` and `y` of a clicked picture pixel."""
    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=read_script(*_SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        heat={},
        layer={},
        answer={},
        texts=viewer_texts(ENGLISH),
        colours=colour_tables(),
    )


def viewer_texts(words: Words) -> dict[str, str]:
    """Return what a visitor reads in the viewer."""
    return dict(words.VIEWER_TEXTS)
