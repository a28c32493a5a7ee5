"""text_fewshot in Simplified Chinese."""

from __future__ import annotations

from typing import Final

STEP_NORMAL: Final = "1 · 正常图片"
NORMAL_LABEL: Final = "1 到 16 张没有缺陷的图片"
NORMAL_GALLERY: Final = "正常图片"
FIT: Final = "拟合"
FITTING: Final = "正在拟合 …"
CANCEL: Final = "取消"
SETTINGS: Final = "设置"
VARIANT_LABEL: Final = "方法"
VARIANTS: Final = (
    ("INP-Former++（论文复现）", "inp-former++"),
    ("INP-Former", "inp-former"),
    ("免训练原型（数秒）", "training-free"),
)
STEPS_LABEL: Final = "训练步数"
ANY_ANGLE_LABEL: Final = "部件可以任意角度放置"
ANY_ANGLE_INFO: Final = "关闭：每张图片中部件的朝向相同。"
INPS_LABEL: Final = "每张图片的原型 (INP) 数"
SEED_LABEL: Final = "随机种子"
FIT_DONE: Final = "完成，用时 {seconds:.0f} 秒。现在可以检测图片了。"
IDENTICAL: Final = "{count} 张图片中有相同的，只计一次：实际使用 {used} 张。"
FIT_CANCELLED: Final = "已取消。仍使用之前的检测器。"
FIT_PROGRESS: Final = "{phase} · {fraction:.0%} · 约剩 {seconds:.0f} 秒"
NO_NORMALS: Final = "请至少添加 1 张正常图片，然后按“拟合”。"
TOO_MANY: Final = "最多选择 {limit} 张正常图片；现有 {count} 张。"
PHASES: Final = {
    "encode": "读取正常图片",
    "train": "学习重建正常图片",
    "anomalies": "生成合成缺陷",
    "head": "学习勾画缺陷",
    "calibrate": "设定阈值",
}
