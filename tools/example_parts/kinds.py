"""All kinds of example parts, in the order in which the page shows them."""

from __future__ import annotations

from example_parts import blister, cap, fabric, pcb, washer, wood
from example_parts.part import PartKind

PARTS: dict[str, PartKind] = {
    kind.name: kind
    for kind in (washer.KIND, fabric.KIND, pcb.KIND, blister.KIND, wood.KIND, cap.KIND)
}
