"""What the library says of ONNX Runtime and exported files, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

ONNX: Final = {
    "engine must be one of {known}, got '{name}'.": "引擎须为 {known} 之一，而不是“{name}”。",
    "This needs the package {name}, which is not installed: pip install onnx onnxruntime.": (
        "这需要软件包 {name}，但尚未安装：pip install onnx onnxruntime。"
    ),
    "ONNX Runtime runs on the CPU here, and the detector is on '{device}': load it with the device "
    "cpu.": "此处 ONNX Runtime 在 CPU 上运行，而检测器位于“{device}”：请用设备 cpu 加载。",
    "{runner} gives other maps than torch here: on a test picture they differ by up to {share} "
    "of their range. Use the engine torch.": (
        "此处{runner}给出的图与 torch 不同：在一张测试图片上相差达其范围的 {share}。"
        "请使用引擎 torch。"
    ),
    "With bfloat16, torch": "使用 bfloat16 的 torch ",
    "ONNX Runtime": " ONNX Runtime ",
    "The engine torch-bf16 is for NVIDIA GPUs, and the detector is on '{device}', where it would be "
    "slower: use the engine torch.": (
        "引擎 torch-bf16 用于 NVIDIA GPU，而检测器位于“{device}”，在那里会更慢：请使用引擎 torch。"
    ),
    "ONNX Runtime runs only encoders of plain blocks, such as DINOv2; use the engine torch for "
    "this one.": "ONNX Runtime 只能运行由普通模块组成的编码器，例如 DINOv2；此编码器请使用引擎 torch。",
    "{bits}: maps of a test picture differ from exact ones by up to {share}": (
        "{bits}：一张测试图片的图与精确结果相差最多 {share}"
    ),
    "An ONNX file must end in .onnx, and '{name}' does not.": (
        "ONNX 文件须以 .onnx 结尾，而“{name}”不是。"
    ),
    "This detector has no threshold, so its file could give no verdict: fit it to normal pictures "
    "first.": "该检测器没有阈值，其文件无法给出结论：请先用正常图片拟合。",
    "Prototypes without training are found by clustering, which an ONNX file cannot hold: fit a "
    "detector of the variant inp-former or inp-former++.": (
        "免训练的原型由聚类得到，ONNX 文件无法包含：请拟合变体为 inp-former 或 inp-former++ 的检测器。"
    ),
    "This detector looks at tiles of {rows}x{columns}, and an ONNX file sees pictures whole: fit "
    "it to whole pictures.": (
        "该检测器按 {rows}x{columns} 分块查看图片，而 ONNX 文件查看整张图片：请用整张图片拟合。"
    ),
    "The ONNX file was not kept, for on one of {count} test pictures it {what} from the detector "
    "by {share} of the map's range. Use the detector file.": (
        "未保留 ONNX 文件：在 {count} 张测试图片中的一张上，它{what}，与检测器相差图范围的 {share}。"
        "请使用检测器文件。"
    ),
    "differs": "给出的图不同",
    "gives another verdict and differs": "给出的结论与图都不同",
}
