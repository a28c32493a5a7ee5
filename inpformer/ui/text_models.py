"""Sentences of the Models tab."""

from __future__ import annotations

from typing import Final

MODELS_LEAD: Final = (
    "Bring a detector from the Hugging Face Hub, or push one of yours so that others, or you "
    "elsewhere, can use it. Only safetensors and JSON are ever loaded. The server asks the Hub "
    "only when you press a button here."
)
HUB_TOKEN: Final = "Access token of the Hub"
HUB_TOKEN_INFO: Final = (
    "Only for private repositories, and for pushing. Used for the next button alone, then "
    "forgotten and emptied."
)
HUB_TOKEN_ODD: Final = (
    "This is no access token: one has no spaces, and begins with hf_. Copy it from the settings "
    "of your account on the Hub."
)
HUB_SIGN_IN: Final = "Or sign in: pulls and pushes are then made in your name."

PULL_STEP: Final = "Pull"
PULL_ADDRESS: Final = "Repository"
PULL_ADDRESS_HINT: Final = "user/repo, or user/repo@revision"
PULL_LOOK: Final = "Look"
PULL_GO: Final = "Download and use"
PULL_CANCEL: Final = "Cancel"
A_PULL: Final = "download from the Hub"
PULL_NO_ADDRESS: Final = "Type a repository first, such as user/repo."
PULL_LOOKING: Final = "Asking the Hub about {address} …"
PULL_OPENING: Final = "Opening the detector …"
PULL_PROGRESS: Final = "{done} of {total} · {share:.0%}"
PULL_PROGRESS_OPEN: Final = "{done} so far"
PULL_CANCELLED: Final = "Cancelled. The detector in use is the one from before."
PULL_TOO_LARGE: Final = (
    "{repo} has {size}, more than the {limit} that this page takes; use `inpformer pull` on a "
    "computer of yours."
)
PULL_NO_ROOM: Final = (
    "This server takes no more than {limit} from the Hub for visitors, and has them; use "
    "`inpformer pull` on a computer of yours."
)
PULL_NO_ENCODER: Final = (
    "This detector stands on {encoder}, which is not on this server; pull {repo} first, then this "
    "one again."
)
PULL_NEWEST: Final = (
    "Fits build on the newest weights of an encoder; pull {repo} without a revision."
)
PULL_DONE: Final = "'{name}' is one of your detectors now, and in use in every tab."
PULL_DONE_ENCODER: Final = (
    "{encoder} is on this server now: choose it in Few-shot, under Settings, and fit."
)
PULL_CACHED: Final = "It was here already, so nothing was downloaded."
PULL_LIST: Final = "What you pulled"
PULL_LINE: Final = "revision {revision} · sha256 {sha256}"

LOOK_KINDS: Final = {"detector": "a detector", "encoder": "an encoder, for fits"}
LOOK_HOLDS: Final = "Holds"
LOOK_ENCODER: Final = "Encoder"
LOOK_INSIDE: Final = "{encoder}, inside the file"
LOOK_HERE: Final = "{encoder}, not in the file; it is on this server"
LOOK_NOT_HERE: Final = "{encoder}, not in the file, and not on this server"
LOOK_METHOD: Final = "Method"
LOOK_SHOTS: Final = "Normal pictures"
LOOK_THRESHOLD: Final = "Threshold"
LOOK_METRICS: Final = "Figures"
LOOK_METRICS_ON: Final = "measured by its owner on: {data}"
LOOK_LICENCE: Final = "Licence"
LOOK_NO_LICENCE: Final = "not stated: ask the owner before you use it"
LOOK_SIZE: Final = "Size"
LOOK_CACHED: Final = "on this server already"
LOOK_SEEN_BY: Final = "Seen by"
LOOK_PUBLIC: Final = "everybody"
LOOK_PRIVATE: Final = "those it is shared with; its download needs your token again"
LOOK_REVISION: Final = "Revision"
LOOK_SHA256: Final = "sha256"
LOOK_UNKNOWN: Final = "not stated"

PUSH_STEP: Final = "Push"
PUSH_DETECTOR: Final = "Detector of yours"
PUSH_NONE: Final = (
    "You have no detectors yet. Fit one in Few-shot, or load one from a file there, and push it "
    "here."
)
PUSH_REPO: Final = "Push to"
PUSH_REPO_HINT: Final = "user/repo; made if it is not there"
PUSH_LICENCE: Final = "Licence, by its name on the Hub"
PUSH_LICENCE_INFO: Final = "What others may do with it. You choose; nothing is filled in."
PUSH_PRIVATE: Final = "Private"
PUSH_PRIVATE_INFO: Final = "Only you, and those you let in on the Hub, can see it."
PUSH_TITLE: Final = "Title"
PUSH_TITLE_HINT: Final = "The name of the repository, if left empty"
PUSH_ABOUT: Final = "What it is for"
PUSH_ABOUT_HINT: Final = "The part, the camera, what it should find"
PUSH_METRICS: Final = "Show the figures of its newest evaluation"
PUSH_METRICS_INFO: Final = "{figures}; measured on {data}"
PUSH_PICTURES: Final = "Show pictures"
PUSH_PICTURES_INFO: Final = "Up to 4 that you inspected with this detector, with its map beside."
PUSH_CHOOSE: Final = "Which pictures, at most 4"
PUSH_NO_PICTURES: Final = "Inspect pictures with this detector first; then you can choose some."
PUSH_PREVIEW: Final = "This is what everybody who can see the repository will see:"
PUSH_AGREE: Final = "I may show these pictures, and I agree that they are published."
PUSH_BUNDLE: Final = "Put the encoder in, too"
PUSH_BUNDLE_INFO: Final = "Encoder: {encoder}; its licence: {licence}. The file becomes larger."
PUSH_BUNDLE_OURS: Final = "that of this program"
PUSH_GO: Final = "Push"
PUSH_CANCEL: Final = "Cancel"
A_PUSH: Final = "push to the Hub"
PUSH_STARTED: Final = "Pushing to {repo} …"
PUSH_CHOOSE_ONE: Final = "Choose one of your detectors to push; this one is not there any more."
PUSH_NO_REPO: Final = "Say where to push: user/repo, without a revision."
PUSH_NO_LICENCE: Final = "Choose a licence first: it says what others may do with the detector."
PUSH_NO_TOKEN: Final = (
    "To push, give an access token of the Hub that may write, or sign in where that is offered."
)
PUSH_NOT_AGREED: Final = (
    "Agree that the pictures are published, or leave them out; nothing was pushed."
)
PUSH_TOO_MANY: Final = "At most {limit} pictures can be shown, and these are {count}."
PUSH_PICTURE_GONE: Final = "One of the pictures is no longer on the server; choose them again."
PUSH_CANCELLED: Final = "Cancelled."
PUSH_DONE: Final = "Pushed to {repo}."
PUSH_DONE_PRIVATE: Final = "Private: only you, and those you let in, can see it."
PUSH_DONE_PUBLIC: Final = "Public: everybody can see it."
PUSH_PAGE: Final = "Its page"
PUSH_VERSION: Final = "Version"
PUSH_ENCODER_IN: Final = "inside the file"
PUSH_ENCODER_OUT: Final = "not in the file; found by its name where the detector is loaded"
PUSH_LOAD: Final = "To load this very version:"
