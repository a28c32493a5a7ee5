"""What a hostile or broken sender does to bytes, JSON, zip and safetensors files."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

NAMES = (
    "../../canary/out.png",
    "/canary/out.png",
    "C:\\canary\\out.png",
    "a/../../out.png",
    "<img src=x onerror=alert(1)>.png",
    "a\nb\r\nTraceback (most recent call last):.png",
    "q\"u'o`te;|$(touch x).png",
    "=cmd|' /C calc'!A0.png",
    "+1.png",
    "n" * 300 + ".png",
    "nul\0.png",
    "\u202egnp.exe",
    "\x1b]0;title\x07\x1b[2J\x1b[31mERROR.png",
    "</td></tr><svg/onload=alert(1)>",
    "'-1+1|`x`",
    "\ud800.png",
    ".",
    "..",
    "",
    " ",
    "CON.png",
    "😀" * 80,
)
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 255, 256, 2**31, 2**63, 10**30, 1e308, -1e308, float("nan"),
    float("inf"), "", "x" * 5000, [], {}, [[]], [None], {"": None}, *NAMES,
)  # fmt: skip
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, repeat, splice or overwrite a few places, often near the start."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        size = len(changed)
        if not size:
            break
        at = rng.randrange(min(size, rng.choice((16, 64, 512, size))))
        way = rng.randrange(6)
        if way == 0:
            changed[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            changed[at] = rng.randrange(256)
        elif way == 2:
            del changed[at : at + rng.choice((1, 4, 64, size))]
        elif way == 3:
            changed[at:at] = changed[at : at + rng.choice((1, 8, 256))]
        elif way == 4:
            start = rng.randrange(size)
            changed[at : at + 64] = changed[start : start + rng.randrange(1, 128)]
        else:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(_NUMBERS) % (1 << 8 * width)
            changed[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
    return bytes(changed)


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else ()
    pairs = enumerate(value) if isinstance(value, list) else pairs
    for key, item in pairs:
        found.append((value, key))
        _places(item, found)
    return found


def mutate_json(text: str, rng: random.Random) -> str:
    """Swap values, drop or double keys, nest deeply, or break the text itself."""
    way = rng.randrange(12)
    if way == 0:
        return mutate_bytes(text.encode(), rng).decode("utf-8", "replace")
    if way == 1:
        return text.replace(":", ":" + "[" * 20_000, 1)
    if way == 2:
        return "[" * 200_000
    content = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 5))):
        places = _places(content, [])
        if not places:
            break
        holder, key = rng.choice(places)
        if isinstance(holder, dict) and rng.random() < 0.2:
            del holder[key]
        elif isinstance(holder, list) and rng.random() < 0.2:
            holder.extend([holder[key]] * rng.choice((1, 300)))
        else:
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    made = json.dumps(content)
    if way == 3:  # one key twice
        made = made.replace("{", '{"format": 3, "version": [], "shapes": 1, ', 1)
    return made


def mutate_text(text: str, rng: random.Random) -> str:
    """Put hostile words, numbers or lines into a table, or break its bytes."""
    if rng.random() < 0.2:
        return mutate_bytes(text.encode(), rng).decode("latin-1")
    lines = text.splitlines() or [""]
    at = rng.randrange(len(lines))
    cells = lines[at].split(rng.choice((",", " ", ":")))
    cells[rng.randrange(len(cells))] = str(rng.choice(VALUES))
    lines[at] = rng.choice((",", " ")).join(cells)
    if rng.random() < 0.1:
        lines *= 50
    return "\n".join(lines)


def mutate_safetensors(data: bytes, rng: random.Random) -> bytes:
    """Change the header, what it says of itself, the numbers, or any bytes."""
    way = rng.randrange(8)
    if way == 0:
        return mutate_bytes(data, rng)
    size = struct.unpack("<Q", data[:8])[0]
    if way == 1:
        return struct.pack("<Q", rng.choice((0, 1, 10**8, 2**62, 2**63, 2**64 - 1))) + data[8:]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    if way == 2:  # offsets, shapes, dtypes
        text = mutate_json(json.dumps(header), rng)
        return _packed(text, body)
    if way == 3:  # the numbers
        dtype = rng.choice((b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\x7f\x7f"))
        at = rng.randrange(max(1, len(body) // 4)) * 4
        return _packed(json.dumps(header), body[:at] + dtype + body[at + 4 :])
    meta = header.get("__metadata__", {})
    if "inpformer" in meta:
        meta["inpformer"] = mutate_json(meta["inpformer"], rng)
    if way == 4:
        name = rng.choice([key for key in header if key != "__metadata__"])
        header[str(rng.choice(NAMES))] = header.pop(name)
    return _packed(json.dumps(header), body)


def _packed(text: str, body: bytes) -> bytes:
    encoded = text.encode("utf-8", "replace")
    return struct.pack("<Q", len(encoded)) + encoded + body


def mutate_zip(data: bytes, rng: random.Random, inner: Callable[[str, bytes], bytes]) -> bytes:
    """Change bytes, members, names, sizes and links of a zip file."""
    way = rng.randrange(11)
    if way == 0:
        return mutate_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    chosen = rng.randrange(len(members))
    name, content = members[chosen]
    kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    if way in (1, 2):
        members[chosen] = (name, inner(name, content))
    elif way == 3:
        members[chosen] = (rng.choice(NAMES) or "x", content)
    elif way == 4:
        members += [(f"many/{number}.png", b"") for number in range(60)]
    elif way == 5:
        members.append(("inner.zip", data))
    elif way == 6:
        members.append(("bomb.png", bytes(rng.choice((2, 2, 2, 30)) << 20)))
        kind = zipfile.ZIP_DEFLATED
    elif way == 7:
        members.append((name + "/below.png", content))
    elif way == 9:  # a NUL is put into it below, as the library would cut it off
        members.append(("nul@name.png", content))
    elif way == 10:
        members[chosen : chosen + 1] = [("way", b"../../canary"), ("way/out.png", content)]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for number, (member, value) in enumerate(members):
            member = member.encode("utf-8", "replace").decode()
            info = zipfile.ZipInfo(member or "x")
            info.compress_type = kind
            if way in (8, 10) and number == chosen:
                info.external_attr, value = 0o120777 << 16, b"../../canary"
            archive.writestr(info, value)
    made = bytearray(stream.getvalue().replace(b"nul@name", b"nul\0name"))
    at = made.rfind(b"PK\x01\x02")
    if way == 2 and at >= 0:  # sizes, flags and CRC in the list of contents
        field = at + rng.choice((8, 10, 16, 20, 24, 28, 42))
        made[field : field + 4] = struct.pack("<I", rng.choice(_NUMBERS) % 2**32)
    return bytes(made)
