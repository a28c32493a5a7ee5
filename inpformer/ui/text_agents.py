"""Sentences for agents, and other programs that call the server without its page."""

from __future__ import annotations

from typing import Final

SENT_PICTURE: Final = (
    "Give the picture as a data: URL, as an upload to this server, or as the link to such an "
    "upload."
)
SENT_ELSEWHERE: Final = (
    "This server opens no other addresses and no files of its own: upload the picture to it and "
    "give the link to the upload, or give the picture as a data: URL."
)
SENT_DAMAGED: Final = (
    "The data: URL of the picture cannot be read: it must be data:image/png;base64, and then the "
    "file in base64, or the same with another kind of picture."
)
SENT_TOO_LARGE: Final = (
    "A picture in a data: URL may have up to {limit} MB; upload a larger one to this server and "
    "give the link to the upload."
)
SENT_PICTURES: Final = "Give the normal pictures as a list of 1 to {limit} pictures."
SENT_STEPS: Final = (
    "Give the steps as a whole number from 1 to {limit}, or 0 for as many as suit the encoder."
)
SENT_PATCH: Final = (
    "Give the patch as two numbers, x and y: a pixel of the picture, counted from its upper left "
    "corner."
)
SENT_PATCH_OUTSIDE: Final = (
    "The picture has {width} × {height} pixels, and the patch lies outside of them; give x below "
    "{width} and y below {height}."
)
SENT_DETECTOR: Final = (
    "There is no detector '{name}' here: leave it empty for the one of this server, give one of "
    "{names}, or an id that a fit gave in the last {minutes:.0f} minutes."
)
AGENT_SHOTS: Final = "Agent's part, {shots} shot(s)"
ANSWER_KEPT: Final = (
    "The links work for up to {minutes:.0f} minutes, and whoever has one can open it."
)
AGENT_DETECTOR_KEPT: Final = (
    "The id is the only key to this detector, so keep it to yourself. The detector is in the "
    "server's memory alone, and is forgotten after {minutes:.0f} minutes without use, after "
    "{count} newer fits of any agents, or when the server stops."
)
