"""Sentences of the Learn tab."""

from __future__ import annotations

from typing import Final

LEARN_LEAD: Final = (
    "How this works, how to read it, and how far to trust it. All pictures here are results that "
    "this server has just computed, not illustrations."
)
LEARN_USE_MINE: Final = "Show it with my current picture"
LEARN_USE_EXAMPLE: Final = "Show it with the example"
LEARN_NO_PICTURE: Final = (
    "You have no picture on the screen yet. Inspect one in the first tab, then come back."
)
LEARN_NO_EXAMPLES: Final = (
    "There are no example parts on this server. Inspect a picture of your own, then press the "
    "button above."
)

LEARN_INPS: Final = """## What INPs are

A frozen image encoder describes every **patch**, a small square of the picture, by a vector. A
handful of **intrinsic normal prototypes (INPs)** sums up what most of these patches look like. They
are gathered *from the very picture that is being inspected*, not from stored pictures of good
parts.

A decoder then rebuilds each patch out of these prototypes alone. A normal patch can be rebuilt; one
that no prototype describes cannot, and that is what the map shows. The decoder rebuilds every patch
on its own: there, patches do not see each other.

Without a fit, clusters of the picture's own patches take the place of the learned INPs
(*training-free prototypes*). These are ours and not part of the papers."""
LEARN_INPS_FIGURE: Final = "{name}, seen by: {title}"
LEARN_NEAREST: Final = "Nearest INP of every patch, one colour each"
LEARN_ATTENTION: Final = "INP {number}: where it gathers from; nearest to {share} of the patches"

LEARN_MAPS: Final = """## How to read each map

| Map | It is high where | Needs |
|---|---|---|
| **INP distance** | a patch is far from its nearest INP: it is unusual *within this picture* | \
nothing; zero-shot uses prototypes learnt on other parts |
| **Reconstruction** | the decoder could not rebuild the patch: it is unusual for *this kind of \
part* | a fit on normal pictures |
| **Segmentation head** | a small network, trained on synthetic defects, outlines a defect; 0 to 1 \
| a fit of INP-Former++ |
| **Fused** | reconstruction and head together; it decides in INP-Former++ | a fit of \
INP-Former++ |

A zero-shot map and the map of a fitted detector are different things. The page always names the map
it shows. The head and the fused map follow the INP-Former++ paper, whose authors have published no
code: this part is a **paper reproduction**, and what the paper leaves open is our choice, listed in
the README. On the embedded encoder the fused map also counts how unlike all remembered normal
patches a patch is, which is not in the paper."""
LEARN_MAP: Final = "{name}: {verdict}"

LEARN_THRESHOLD: Final = """## Threshold and confidence

- The **image score** is the mean of the highest 1% of the map; on the embedded encoder, which sees
smaller patches, of the highest 0.1%, and what lies near the picture's edge (5% of its shorter
side) counts less, at the very edge half: where a picture cuts a part off differs from one to the
next.
- The **threshold** comes from normal pictures only. Views of them are scored by models that were
not fitted on these views, and a stated share of them lies above the threshold. On the embedded
encoder the pictures themselves are scored, each as if it had not been shown. From *n* normal
pictures no threshold can promise fewer false alarms than one new part in *n* + 1.
- The **confidence** is sigmoid((score - threshold) / scale): 50% at the threshold, about 5% for a
typical normal picture. It says how far a score is from normal ones. It is not the probability
that the part is defective.
- **Colours** have a fixed range with the threshold in the middle, so a normal picture looks calm.
Tools that stretch every map from its lowest to its highest value paint a defect on a perfect
part, as in the last picture."""
LEARN_GOOD: Final = "A good part: {verdict}"
LEARN_DEFECT: Final = "With a defect ({defect}): {verdict}"
LEARN_STRETCHED: Final = "The good part again, its map stretched to its own extremes: misleading"

LEARN_FEWSHOT: Final = """## What few-shot can and cannot do

With 1 to 16 normal pictures and a minute or so of computing, a detector knows one kind of part seen
in one way. The normal pictures must show all that may vary, such as position, light and colour:
what they never show is flagged even if it is harmless.

### A misplaced or missing thing can look normal

INPs come from the picture itself. Where a component is missing, the patches show bare board, as in
many other places of the picture, and the INPs absorb it. Counting, order and meaning are out of
reach."""
LEARN_CONFIDENT: Final = "{verdict}, {confidence}"
LEARN_VERDICT: Final = "{what}: {verdict}"

LEARN_LARGE: Final = """### Most of the picture must be normal

Prototypes sum up what the picture mostly shows. A small foreign area is far from all of them. If it
covers most of the picture, the prototypes describe *it*, and it looks normal. A detector fitted on
normal pictures suffers less, since it also knows what the part should look like."""
LEARN_FOREIGN: Final = (
    "{share:.0%} foreign, map: {name} of {title}; mean inside {inside:.3f}, outside {outside:.3f}"
)

LEARN_SMALL: Final = """### A defect smaller than a patch hardly counts

The picture is divided into patches; a spot that covers a small part of one hardly changes its
vector. Inspect large pictures in tiles (Few-shot, Settings), or photograph from nearer."""
LEARN_SPOT: Final = "A dark spot of {side} pixels, where a patch has {patch:.0f}: {verdict}"

LEARN_LIMITS: Final = """## Limits

- The figures in the papers were reached with DINOv2 weights and the authors' code. The *embedded*
encoder, which works with no download, is a bank of filters and a small network trained on drawn
parts: it tells a scratch from a surface and knows no objects. It gives every picture the same
brightness and contrast first, so it does not see that a whole picture is too dark.
- No result here is a measurement or a certificate. Check a detector with your own good and bad
pictures before you rely on it, and do not let it decide alone where people could be harmed.
- Confidences and thresholds belong to one detector. Scores of two detectors are comparable only in
threshold units; the Compare tab does that."""

LEARN_LICENCE: Final = """## Licence

This program, its embedded encoder, its ready detectors and its example pictures, which are drawn by
a program, are under Apache-2.0. DINOv2 weights are Apache-2.0; DINOv3 weights have a licence of
their own, which you accept when you download them. The methods are those of the papers INP-Former
(arXiv 2503.02424) and INP-Former++ (arXiv 2506.03660); please cite them."""

LEARN_PRIVACY: Final = """## Privacy

- Your pictures go to this server and nowhere else. The page asks no other server for anything;
there are no analytics and no history of runs.
- The server asks the Hugging Face Hub only when you pull or push in *Models*. A token serves that
one action and is not kept; no picture is pushed unless you choose it and agree.
- Pictures, detectors and results of your visit are yours alone, and nobody else's page can reach
them. Only a limited number is kept: the oldest go first.
- They are deleted, with the drawings made of them, when you press *Forget me*, minutes after you
leave the page (so that a reload of it loses nothing), or after an hour in which you do nothing
(whoever runs this page may have set another time)."""
