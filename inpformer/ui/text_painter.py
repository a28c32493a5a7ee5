"""What a visitor reads in the painter."""

from __future__ import annotations

from typing import Final

PAINTER_TEXTS: Final = {
    "toolbar": "Drawing the mask",
    "tools": "Tools",
    "brush": "Brush",
    "eraser": "Eraser",
    "polygon": "Polygon",
    "box": "Box",
    "fill": "Magic fill",
    "history": "Changes",
    "undo": "Undo",
    "redo": "Redo",
    "clear": "Clear",
    "zoom": "Zoom",
    "zoomIn": "Zoom in",
    "zoomOut": "Zoom out",
    "reset": "Whole picture",
    "classes": "Class that is drawn",
    "background": "Background",
    "size": "Brush size",
    "source": "Fill what has",
    "sourceColour": "a similar colour",
    "sourceMap": "a map at least as high",
    "sourceRegion": "the same class",
    "tolerance": "Tolerance",
    "opacity": "Opacity of the mask",
    "stage": (
        "Picture to draw on. B brush, E eraser, P polygon, R box, F magic fill, 1 to 9 classes, "
        "brackets brush size, Z undo, Y redo, arrows move, plus and minus zoom."
    ),
    "empty": "No picture to draw on yet.",
    "hintBrush": "Draw with the mouse, a pen or a finger; hold Space to move the picture.",
    "hintEraser": "What you draw over becomes background again.",
    "hintPolygon": (
        "Click corners; Enter, a double click or a click on the first corner closes it. "
        "Backspace takes one back, Esc all."
    ),
    "hintBox": "Drag from one corner to the other.",
    "hintFill": "Click into what is to be filled; it spreads as far as the tolerance lets it.",
    "saved": "✓ Saved",
    "saving": "… Saving",
    "proposal": "○ Prediction, not stored yet",
    "late": "! Not saved yet: the server does not answer. It is tried again; keep this page open.",
    "damaged": "The mask did not arrive whole; open the picture again.",
    "noPicture": "The picture cannot be shown; open it again.",
}
