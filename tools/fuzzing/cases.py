"""Cases: which seed is changed, and how, for a kind and a number."""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import subprocess
from collections.abc import Callable

from fuzzing import mutations
from fuzzing.seeds import Tree, png_bomb

_TEXT = (".csv", ".yaml", ".yml", ".txt", ".jsonl")


def make_case(seeds: dict[str, list[Tree]], kind: str, number: int) -> Tree:
    """Return the files of a case; the same kind and number always give the same ones."""
    rng = random.Random(f"{kind}:{number}")
    tree = dict(rng.choice(seeds[kind]))
    if kind == "text":
        return {"name.txt": _text(rng).encode("utf-8", "surrogatepass")}
    if kind == "names":
        texts = [_text(rng).encode("utf-8", "replace").decode() for _ in range(6)]
        return {"names.json": json.dumps(texts).encode()}
    if kind == "picture" and rng.random() < 0.004:
        return {"bomb.png": _bomb(rng)}
    # In data sets and stores the tables matter most; their pictures are changed now and then.
    names = [name for name in tree if not name.endswith(".png")]
    name = rng.choice(names if names and rng.random() < 0.85 else sorted(tree))
    tree[name] = _mutated(name, tree[name], rng)
    return tree


def _mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    ending = "." + name.rpartition(".")[2]
    if ending == ".zip":
        return mutations.mutate_zip(data, rng, lambda inner, content: _mutated(inner, content, rng))
    if ending == ".safetensors":
        return mutations.mutate_safetensors(data, rng)
    if ending == ".pth":
        return mutate_checkpoint(data, rng)
    change: Callable[[str, random.Random], str] = mutations.mutate_text
    if ending == ".json":
        change = mutations.mutate_json
    elif ending not in _TEXT:
        return mutations.mutate_bytes(data, rng)
    if ending == ".jsonl" and rng.random() < 0.5:
        first, *rest = data.decode().splitlines()
        return "\n".join([mutations.mutate_json(first, rng), *rest]).encode("utf-8", "replace")
    return change(data.decode("utf-8", "replace"), rng).encode("utf-8", "replace")


class _Call:
    """A pickle that calls something when somebody opens it."""

    def __init__(self, *call: object) -> None:
        self._call = call

    def __reduce__(self) -> tuple:
        function, *arguments = self._call
        return function, tuple(arguments)


_TOUCH = "touch executed.canary"
CANARIES = (
    _Call(open, "executed.canary", "w"),
    _Call(os.system, _TOUCH),
    _Call(subprocess.check_output, _TOUCH.split()),
    _Call(eval, "open('executed.canary', 'w')"),
    _Call(__import__, "antigravity"),
    _Call(importlib.import_module, "antigravity"),
)


def mutate_checkpoint(data: bytes, rng: random.Random) -> bytes:
    """Change bytes, names and tensors of a torch file, or put code into it."""
    import torch

    way = rng.randrange(6)
    if way < 2:
        return mutations.mutate_bytes(data, rng)
    state = torch.load(io.BytesIO(data), weights_only=True)
    name = rng.choice(sorted(state))
    if way == 2:
        state[rng.choice((name, "more"))] = rng.choice(CANARIES)
    elif way == 3:
        values = (torch.zeros(0), torch.zeros(3), torch.zeros(1, 2, 3, 4), "text", None, 7)
        state[name] = rng.choice(values)
    elif way == 4:
        state[f"encoder.blocks.{rng.choice((3, 10**9, 'x', -1))}.norm1.weight"] = torch.ones(16)
    else:  # sizes that ask for gigabytes while one number is stored
        shape = rng.choice(((8192, 3, 14, 14), (1, 10**7, 16), (16, 3, 4096, 4096)))
        state[name] = torch.zeros(1).expand(*shape)
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=rng.random() < 0.8)
    return stream.getvalue()


def _bomb(rng: random.Random) -> bytes:
    sizes = ((60_000, 60_000), (30_000, 30_000), (13_000, 13_000), (100_000, 8))
    return png_bomb(*rng.choice(sizes), rng.choice((1, 3, 4)), rng.random() < 0.3)


def _text(rng: random.Random) -> str:
    pieces = [*mutations.NAMES, "washer", "part 1", "user/repo", "@", "-", "划痕", "|", "#"]
    return "".join(rng.choice(pieces) for _ in range(rng.choice((1, 1, 2, 4))))
