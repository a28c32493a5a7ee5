"""How reports of the Inspect tab become values of its components."""

from __future__ import annotations

from typing import Any

import gradio as gr

from inpformer.config import MapName
from inpformer.prediction import Looking
from inpformer.ui import views
from inpformer.ui.inspect_handlers import InspectReport
from inpformer.ui.result_list import Listing
from inpformer.ui.wiring import parts_of
from inpformer.ui.words import Words, label

SETTINGS = ("map", "cut", "min_area")
LOOKING = ("look_geometry", "look_tiles")
LIST = ("results", "summary", "cards", "table")
FILTERS = ("filter_verdict", "filter_name")

_OPENED = ("verdict", "viewer", "cut", "min_area", "map", "side_by_side", "why")
_CUT_STEPS = 200


def opened_outputs(page: dict[str, Any]) -> list[Any]:
    """Return the components that `opened_values` fills."""
    return parts_of(page, _OPENED)


def opened_values(report: InspectReport | None) -> tuple[Any, ...]:
    """Return what shows one result; None leaves all of it as it is."""
    if report is None:
        return (gr.skip(),) * len(_OPENED)
    title = label("THRESHOLD_LABEL" if report.is_calibrated else "CUT_LABEL")
    settings, most = report.settings, report.most_times
    return (
        report.verdict,
        gr.update(value=report.picture, heat=report.heat, layer=report.layer),
        gr.update(value=settings.times, label=title, maximum=most, step=most / _CUT_STEPS),
        settings.min_area,
        gr.update(choices=report.map_choices, value=settings.map_name),
        "",
        report.why,
    )


def list_values(listing: Listing | None) -> tuple[Any, ...]:
    """Return what the components called `LIST` show; None leaves them as they are."""
    if listing is None:
        return (gr.skip(),) * len(LIST)
    box = gr.update(visible=listing.count > 0)
    return box, listing.summary, listing.cards, listing.table


def report_outputs(page: dict[str, Any]) -> list[Any]:
    """Return the components that `report_values` fills."""
    return [*opened_outputs(page), *parts_of(page, (*LIST, *FILTERS))]


def report_values(report: InspectReport | None) -> tuple[Any, ...]:
    """Return what the page shows of a new inspection; None leaves all of it as it is."""
    listing = report and report.listing
    # A filter that stays could hide the new result.
    filters = (gr.skip(),) * len(FILTERS) if listing is None else ("all", "")
    return (*opened_values(report), *list_values(listing), *filters)


def empty_report(names: tuple[MapName, ...], words: Words) -> tuple[Any, ...]:
    """Return the values of `report_outputs` before anything is inspected."""
    return (
        views.message(words.RESULT_EMPTY),
        gr.update(value=None, heat={}, layer={}, answer={}),
        gr.update(value=1, label=label("THRESHOLD_LABEL"), maximum=2, step=2 / _CUT_STEPS),
        0,
        gr.update(choices=map_choices(names, words), value=names[0]),
        "",
        "",
        *list_values(Listing([], [], "", 0)),
        "all",
        "",
    )


def map_choices(names: tuple[MapName, ...], words: Words) -> list[tuple[str, str]]:
    """Return maps as a choice takes them."""
    return [(words.MAP_TITLES[name], name) for name in names]


def looking_of(geometry: str, tiles: str) -> Looking:
    """Return how pictures are looked at, from the values of the page's choices."""
    return Looking(geometry, None if tiles == "fitted" else tiles)
