"""Real files to begin from, made by code and from what the program ships."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
import zlib
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inpformer.annotations.annotation import Annotation
from inpformer.annotations.exchange import EXPORT_FORMATS, export_annotations
from inpformer.annotations.store import AnnotationStore
from inpformer.config import VARIANTS, ModelConfig
from inpformer.detector import AnomalyDetector, Provenance
from inpformer.errors import FitCancelledError
from inpformer.modeling.build import build_encoder, build_model
from inpformer.presets import EncoderConfig

ROOT = Path(__file__).resolve().parents[2]
Tree = dict[str, bytes]
sys.path.append(str(ROOT / "tests"))  # which makes small data sets, checkpoints and a Hub


def read_tree(folder: Path) -> Tree:
    """Return the files of a folder by their path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@cache
def pictures() -> dict[str, bytes]:
    """One small picture in every format and depth that is read."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    rgb, deep = Image.fromarray(noise), Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    fractions = Image.fromarray(noise[..., 0].astype(np.float32) / 255)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a part"
    frames = [rgb, rgb.rotate(90)]
    several = {"save_all": True, "append_images": frames}
    made = {
        "a.png": (rgb, {}), "alpha.png": (rgb.convert("RGBA"), {}), "deep.png": (deep, {}),
        "palette.png": (rgb.convert("P"), {"transparency": 3}), "a.jpg": (rgb, {"exif": exif}),
        "cmyk.jpg": (rgb.convert("CMYK"), {}), "progressive.jpg": (rgb, {"progressive": True}),
        "a.webp": (rgb, {"exif": exif}), "moving.webp": (rgb, several), "a.bmp": (rgb, {}),
        "a.tif": (rgb, {"compression": "tiff_lzw"}), "pages.tif": (rgb, several),
        "deep.tif": (deep, {}), "float.tif": (fractions, {}),
        "packed.tif": (rgb, {"compression": "tiff_deflate"}), "a.gif": (rgb, several),
        "a.ppm": (rgb, {}),
    }  # fmt: skip
    found = {}
    for name, (picture, options) in made.items():
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name.split(".")[1], name.split(".")[1].upper())
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        found[name] = stream.getvalue()
    return found


def png_bomb(width: int, height: int, channels: int = 3, text: bool = False) -> bytes:
    """Return a PNG of one colour, or with a text that unpacks to a hundred megabytes."""
    colour = {1: 0, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    body = zlib.compress(bytes(min(width * height * channels + height, 64 << 20)), 1)
    chunks = [(b"IHDR", head)]
    if text:
        chunks.append((b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 << 20), 9)))
    chunks += [(b"IDAT", body), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def as_zip(tree: Tree) -> bytes:
    """Pack files into a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in tree.items():
            archive.writestr(name, data)
    return stream.getvalue()


def write_seeds(folder: Path) -> dict[str, list[Tree]]:
    """Make seeds of every kind in an empty folder; each is the files of one hand-over."""
    images = [{name: data} for name, data in pictures().items()]
    zips = [{"p.zip": as_zip({f"d/{name}": data for name, data in pictures().items()})}]
    detectors = [
        {"d.safetensors": path.read_bytes()}
        for path in sorted((ROOT / "weights" / "detectors").glob("*.safetensors"))
    ]
    runs = _runs(folder / "run")
    found = {
        "picture": images,
        "zip": zips,
        "detector": [*detectors, *_small_detectors(folder / "small")],
        "encoder": [{"e.safetensors": (ROOT / "weights/embedded.safetensors").read_bytes()}],
        "official": [_official(folder / "o.pth")],
        "run": runs,
        "resume": runs,
        "dataset": _data_sets(),
        "text": [{"name.txt": b"washer"}],
        "names": [{"names.json": json.dumps(["washer"] * 6).encode()}],
    }
    found |= _annotations(folder / "store")
    found["description"] = [_description(detectors[0]["d.safetensors"])]
    found["hub"] = [_repository(found["detector"][-1]["d.safetensors"])]
    return found


def _annotations(folder: Path) -> dict[str, list[Tree]]:
    store = AnnotationStore(folder)
    value = store.add_class("=dent").value
    for number in range(2):
        name = store.add_picture(pictures()["a.png"], f"part{number}.png")
        mask = np.zeros((24, 32), np.uint8)
        mask[4:12, 5:15], mask[6:8, 7:9], mask[20, 20] = value, 0, 1
        store.save(Annotation(name, mask, "anomalous", version=store.load(name).version))
    found = {"store": [read_tree(folder)]}
    for kind in EXPORT_FORMATS:
        target = folder.with_name(f"export-{kind}" + (".zip" if kind == "zip" else ""))
        export_annotations(store, kind, target)
        whole = {"set.zip": target.read_bytes()} if kind == "zip" else read_tree(target)
        packed = [] if kind == "zip" else [{"set.zip": as_zip(whole)}]
        found[f"import-{kind}"] = [whole, *packed]
    return found


@cache
def tiny_detector(variant: str = "inp-former++") -> AnomalyDetector:
    """A detector of a few thousand numbers, with its encoder."""
    encoder = EncoderConfig(
        "tiny", patch_size=14, embed_dim=16, depth=2, num_heads=2, layers=(0, 1), native_grid=4,
        token_budget=16,
    )  # fmt: skip
    config = ModelConfig.for_encoder(
        encoder, variant=variant, inp_count=3, head_widths=(4, 2), memory_tokens=8
    )
    torch.manual_seed(0)
    model = build_model(config, build_encoder(encoder))
    return AnomalyDetector(model, config, Provenance("untrained", "tiny"))


def _small_detectors(folder: Path) -> list[Tree]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        tiny_detector(variant).save(folder / f"{variant}.safetensors", bundle_encoder=True)
        for variant in VARIANTS
    ]
    return [{"d.safetensors": path.read_bytes()} for path in paths]


def _official(folder: Path) -> Tree:
    from official_file import official_checkpoint

    return {"o.pth": official_checkpoint(folder).read_bytes()}


def _repository(detector: bytes) -> Tree:
    card = {"license": "apache-2.0", "tags": ["anomaly-detection"], "model_name": "Washer",
            "base_model": "timm/x", "model-index": [{"name": "w", "results": []}]}  # fmt: skip
    names = ["detector.safetensors", "more.png", "pytorch_model.bin"]
    return {
        **_description(detector),
        "d.safetensors": detector,
        "card.json": json.dumps(card).encode(),
        "names.json": json.dumps(names).encode(),
    }


def _runs(folder: Path) -> list[Tree]:
    """A run that was stopped in the middle, and one that went to its end."""
    from training_data import QUICK, source, write_data

    from inpformer.training.processes import Processes
    from inpformer.training.run import TrainRequest, train

    data = write_data(folder / "data", ("bolt",), train=2, defects=1)
    for name, steps in (("stopped", 30), ("finished", 10**9)):
        wanted = TrainRequest((data,), QUICK, folder / name / "run", bundle_encoder=True)
        asked = count()
        with suppress(FitCancelledError):
            train(
                source(), wanted, Processes(on_cpu=True),
                should_stop=lambda asked=asked, steps=steps: next(asked) > steps,
            )  # fmt: skip
    pictures = {f"data/{name}": data for name, data in read_tree(folder / "data").items()}
    return [{**read_tree(folder / name), **pictures} for name in ("stopped", "finished")]


def _data_sets() -> list[Tree]:
    png = pictures()["a.png"]
    table = "object,split,label,image,mask\n" + "".join(
        f"cap,{split},{label},cap/{number}.png,\n"
        for number, (split, label) in enumerate(
            [("train", "normal"), ("test", "normal"), ("test", "anomaly")]
        )
    )
    visa = {f"cap/{number}.png": png for number in range(3)}
    entry = {"category": "jack", "anomaly_class": "OK", "image_path": "OK/0.png", "mask_path": None}
    bad = {**entry, "anomaly_class": "HS", "image_path": "NG/1.png", "mask_path": "NG/1_mask.png"}
    lists = {"meta": {"prefix": "jack/", "normal_class": "OK"}, "train": [entry],
             "test": [bad]}  # fmt: skip
    return [
        {"split_csv/1cls.csv": table.encode(), **visa},
        {
            "realiad_jsons/jack.json": json.dumps(lists).encode(),
            "realiad_1024/jack/OK/0.png": png,
            "realiad_1024/jack/NG/1.png": png,
            "realiad_1024/jack/NG/1_mask.png": png,
        },
    ]


def _description(detector: bytes) -> Tree:
    size = int.from_bytes(detector[:8], "little")
    header = json.loads(json.loads(detector[8 : 8 + size])["__metadata__"]["inpformer"])
    header["metrics"] = {"image AUROC": 0.9}
    return {"config.json": json.dumps(header).encode()}
