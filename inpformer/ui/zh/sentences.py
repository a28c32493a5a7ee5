"""What the library says of pictures, files and detectors, in Chinese.

English templates, with a name in braces for whatever the library fills in. A part called
by a name in `WITHIN` is translated in its turn.
"""

from __future__ import annotations

from typing import Final

from inpformer.ui.zh.sentences_annotations import ANNOTATIONS
from inpformer.ui.zh.sentences_datasets import DATASETS
from inpformer.ui.zh.sentences_evaluation import EVALUATION
from inpformer.ui.zh.sentences_files import FILES, SHOTS, UPLOADS
from inpformer.ui.zh.sentences_onnx import ONNX
from inpformer.ui.zh.sentences_sharing import SHARING
from inpformer.ui.zh.sentences_training import TRAINING
from inpformer.ui.zh.sentences_weights import SETTINGS, WEIGHTS

PICTURES: Final = {
    "The picture": "该图片",
    "{picture} is damaged or cut short; copy or export it again, then retry.": (
        "{picture} 已损坏或不完整；请重新复制或导出后再试。"
    ),
    "Give the picture as a numpy array; load_image makes one from a file.": (
        "请以 numpy 数组给出图片；load_image 可从文件读取。"
    ),
    "The picture holds {type} values; give whole numbers from 0 to 255 as uint8.": (
        "图片的数值类型为 {type}；请给出 0 到 255 的整数 (uint8)。"
    ),
    "The picture must have shape (height, width), (height, width, 3) or (height, width, 4), "
    "not {shape}.": "图片的形状须为 (高, 宽)、(高, 宽, 3) 或 (高, 宽, 4)，而不是 {shape}。",
    "{picture} is {width} × {height} pixels": "{picture} 的尺寸为 {width} × {height} 像素",
    "{size}; use a picture of at least {side} pixels on each side.": (
        "{size}；请使用每边至少 {side} 像素的图片。"
    ),
    "{size}, above the limit of {limit} million; shrink or crop it first.": (
        "{size}，超过 {limit} 百万像素的上限；请先缩小或裁剪。"
    ),
    "{size}, more than {times} times as long as wide; crop it into shorter pieces.": (
        "{size}，长度超过宽度的 {times} 倍；请裁剪成较短的几段。"
    ),
    "There is no file or folder '{path}'; check the path.": (
        "没有名为“{path}”的文件或文件夹；请检查路径。"
    ),
    "The folder '{path}' has no pictures; put some in it ({kinds}).": (
        "文件夹“{path}”中没有图片；请放入图片 ({kinds})。"
    ),
    "The folder '{path}' has no pictures.": "文件夹“{path}”中没有图片。",
    "'{path}' is a folder; choose a picture file in it.": (
        "“{path}”是文件夹；请选择其中的图片文件。"
    ),
    "There is no file '{path}'; check the path.": "没有文件“{path}”；请检查路径。",
    "{picture} cannot be opened; check who may read it.": "{picture} 无法打开；请检查读取权限。",
    "{picture} is empty (0 bytes); copy or export it again.": (
        "{picture} 是空文件 (0 字节)；请重新复制或导出。"
    ),
    "{picture} cannot be read as a picture; use PNG, JPEG, WebP, TIFF, BMP or GIF.": (
        "{picture} 不能作为图片读取；请使用 PNG、JPEG、WebP、TIFF、BMP 或 GIF。"
    ),
    "{picture} holds values outside {allowed}; save it as a picture of 8 or 16 bits.": (
        "{picture} 含有超出 {allowed} 的数值；请另存为 8 位或 16 位图片。"
    ),
    "first of {count} frames": "共 {count} 帧，取第一帧",
    "transparent parts put on white": "透明部分以白色填充",
    "The picture has {found} rows and columns where {expected} were expected; make a geometry "
    "for each size.": "图片的行列数为 {found}，应为 {expected}；请为每种尺寸建立几何映射。",
    "Add at least 1 normal picture to fit a detector.": "请至少添加 1 张正常图片来拟合检测器。",
    "A few-shot fit takes at most {limit} normal pictures, and these are {count}. Choose the "
    "{kept} that differ most.": (
        "小样本拟合最多使用 {limit} 张正常图片，现有 {count} 张。请选出差异最大的 {kept} 张。"
    ),
}

DETECTORS: Final = {
    "untrained stand-in: for trying the interface": "未经训练的替代编码器：仅供试用界面",
    "training-free prototypes": "免训练原型",
    "zero-shot: prototypes learnt on other parts, a map without a verdict": (
        "零样本：原型学自其他部件，只给出异常图，不作判定"
    ),
    "the GPU had too little memory, so the CPU looked at this picture, more slowly": (
        "GPU 显存不足，此图片改由 CPU 检测，速度较慢"
    ),
    "the GPU had too little memory for this fit, so the CPU does it, more slowly": (
        "GPU 显存不足，此次拟合改由 CPU 进行，速度较慢"
    ),
    "fitted on {was} but shown {now}: the threshold is only a rough guide": (
        "拟合时使用{was}，检测时使用{now}：阈值仅供粗略参考"
    ),
    "whole pictures": "整张图片",
    "the middle of pictures": "图片的中央部分",
    "{rows}x{columns} tiles": " {rows}x{columns} 分块",
    "reading the normal pictures": "读取正常图片",
    "learning to rebuild them": "学习重建正常图片",
    "making synthetic defects": "生成合成缺陷",
    "learning to outline defects": "学习勾画缺陷",
    "setting the threshold": "设定阈值",
    "The fit was cancelled; nothing was changed.": "拟合已取消；一切保持原样。",
    "views of the normal pictures (nothing was trained on them)": (
        "正常图片的各个视图（未用于训练）"
    ),
    "views of the only normal picture, every second one left out in turn": (
        "唯一一张正常图片的视图，每次轮流留出一半"
    ),
    "normal pictures as they are, each judged without itself": "正常图片原样，各自在不含自身时评判",
    "views of normal pictures, each picture left out in turn": "正常图片的视图，逐张轮流留出",
    "views of normal pictures, left out in {groups} groups in turn": (
        "正常图片的视图，分 {groups} 组轮流留出"
    ),
    "A training-free detector has no trained prototypes to use zero-shot.": (
        "免训练检测器没有训练好的原型，不能用于零样本。"
    ),
    "The prototypes of this detector were learnt: fit a new one for another number.": (
        "该检测器的原型是学得的：如需其他数量，请重新拟合一个。"
    ),
    "These detectors stand on different encoders.": "这些检测器基于不同的编码器。",
    "This detector gives no '{name}' map. Choose one of: {names}.": (
        "该检测器不提供“{name}”图。请从以下选择：{names}。"
    ),
    "This detector has no calibrated threshold yet: give one, or fit it with normal pictures.": (
        "该检测器尚无校准阈值：请给出阈值，或用正常图片拟合。"
    ),
    "The benchmark geometry shows one crop of the picture, which cannot be tiled; leave out the "
    "tiles or the geometry.": "benchmark 几何只看图片的一个裁剪区域，不能分块；请去掉分块或该几何。",
    "A comparison needs at least 2 maps, not {count}.": "比较至少需要 2 张异常图，而不是 {count} 张。",
    "'{text}' is neither a detector file, a Hub id (user/repo, or user/repo@revision), nor an "
    "encoder. The encoders are: auto, {known}.": (
        "“{text}”既不是检测器文件，也不是 Hub 标识 (user/repo 或 user/repo@revision) 或编码器。"
        "编码器有：auto, {known}。"
    ),
    "'{name}' was fitted with other weights of the encoder '{encoder}' than those found here, so "
    "its maps would be wrong. Bring the original weights, or save the detector again with its "
    "encoder bundled.": (
        "“{name}”拟合时使用的编码器“{encoder}”权重与这里找到的不同，得到的异常图会是错的。"
        "请使用原来的权重，或连同编码器重新保存检测器。"
    ),
    "There is no detector file at '{path}'.": "“{path}”处没有检测器文件。",
    "'{name}' is a PyTorch checkpoint, not a detector file. If it is an official INP-Former "
    "checkpoint, convert it: inpformer import-official CKPT -o FILE.": (
        "“{name}”是 PyTorch 检查点，不是检测器文件。如果它是 INP-Former 官方检查点，请先转换："
        "inpformer import-official CKPT -o FILE。"
    ),
    "'{name}' was saved by another version of this program ({found}); this one reads {format}. "
    "Update the program, or save the detector again with this version.": (
        "“{name}”由本程序的另一版本 ({found}) 保存；当前版本读取 {format}。"
        "请更新程序，或用当前版本重新保存检测器。"
    ),
    "'{name}' is a safetensors file, but no detector saved by this program.": (
        "“{name}”是 safetensors 文件，但不是本程序保存的检测器。"
    ),
    "'{name}' was written by another version of this program and cannot be read: {error}. This is "
    "version {version}, the file is of {other}.": (
        "“{name}”由本程序的另一版本写入，无法读取：{error}。当前版本为 {version}，文件版本为 {other}。"
    ),
    "'{name}' is damaged, cut short, or no safetensors file. Copy it again.": (
        "“{name}”已损坏、不完整，或不是 safetensors 文件。请重新复制。"
    ),
    "There is no device '{name}' on this machine. Use 'auto' or 'cpu'.": (
        "本机没有设备“{name}”。请使用 'auto' 或 'cpu'。"
    ),
    "'{path}' is damaged. Install the program again, or remove the file to go on without its "
    "examples.": "“{path}”已损坏。请重新安装程序，或删除该文件以便不带示例继续使用。",
}

EXAMPLES: Final = {
    "Steel washer": "钢垫圈",
    "Woven fabric": "机织布",
    "Circuit board": "电路板",
    "Blister pack": "泡罩包装",
    "Pine board": "松木板",
    "Printed cap": "印刷瓶盖",
    "good": "正常",
    "scratch": "划痕",
    "dent": "凹痕",
    "rust": "锈蚀",
    "crack": "裂纹",
    "broken thread": "断线",
    "foreign yarn": "异色纱",
    "hole": "破洞",
    "loose thread": "松线",
    "missing component": "元件缺失",
    "shifted component": "元件移位",
    "solder bridge": "焊锡桥连",
    "solder ball": "锡珠",
    "missing capsule": "胶囊缺失",
    "wrong colour": "颜色错误",
    "dented capsule": "胶囊凹陷",
    "broken capsule": "胶囊破裂",
    "blue stain": "蓝变",
    "chipped edge": "边缘缺损",
    "knot hole": "节孔",
    "smeared print": "印刷模糊",
    "missing print": "印刷缺失",
    "black spots": "黑点",
    "broken edge": "边缘破损",
}

SENTENCES: Final = {
    **PICTURES,
    **DETECTORS,
    **FILES,
    **UPLOADS,
    **SHOTS,
    **TRAINING,
    **WEIGHTS,
    **SHARING,
    **SETTINGS,
    **EXAMPLES,
    **ANNOTATIONS,
    **EVALUATION,
    **DATASETS,
    **ONNX,
}
