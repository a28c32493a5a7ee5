"""The prototypes of the picture on the screen, small, beside its anomaly map."""

from __future__ import annotations

from html import escape

from inpformer.prototypes import assignment_shares, draw_assignment_mosaic
from inpformer.ui.explorer_notes import inp_legend
from inpformer.ui.figures import figure
from inpformer.ui.inspection import Inspection
from inpformer.ui.words import Words


def draw_why(inspection: Inspection, words: Words) -> str:
    """Return the mosaic of nearest prototypes with its legend, as HTML; runs no model."""
    explanation = inspection.result.explanation
    count = len(explanation.inps)
    mosaic = draw_assignment_mosaic(inspection.display_image, explanation.inp_assignment, count)
    is_trained = inspection.detector.config.is_trained
    lead = words.WHY_LEAD if is_trained else words.WHY_LEAD_TRAINING_FREE
    drawing = figure(mosaic, words.WHY_ALT, escape(lead))
    shares = assignment_shares(explanation.inp_assignment, count)
    return f'<div class="why">{drawing}{inp_legend(shares)}</div>'
