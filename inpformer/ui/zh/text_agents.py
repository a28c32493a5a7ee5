"""Sentences for agents, in Chinese."""

from __future__ import annotations

from typing import Final

SENT_PICTURE: Final = "请以 data: URL、上传到本服务器的文件，或该上传文件的链接来给出图片。"
SENT_ELSEWHERE: Final = "本服务器不打开其他地址，也不打开自己的文件：请先上传图片并给出上传文件的链接，或以 data: URL 给出图片。"
SENT_DAMAGED: Final = "无法读取图片的 data: URL：它应以 data:image/png;base64, 开头，其后是 base64 编码的文件；其他图片格式亦同。"
SENT_TOO_LARGE: Final = (
    "data: URL 中的图片最大为 {limit} MB；更大的图片请上传到本服务器，并给出上传文件的链接。"
)
SENT_PICTURES: Final = "请以列表给出 1 到 {limit} 张正常图片。"
SENT_STEPS: Final = "步数须为 1 到 {limit} 的整数；0 表示采用适合编码器的步数。"
SENT_PATCH: Final = "请以两个数 x 和 y 给出图块：即图片中的一个像素，从左上角数起。"
SENT_PATCH_OUTSIDE: Final = (
    "该图片为 {width} × {height} 像素，所给图块在图片之外；x 须小于 {width}，y 须小于 {height}。"
)
SENT_DETECTOR: Final = "这里没有检测器“{name}”：留空则用本服务器的检测器，或给出 {names} 之一，或给出最近 {minutes:.0f} 分钟内拟合所得的编号。"
AGENT_SHOTS: Final = "智能体的部件，{shots} 张正常图片"
ANSWER_KEPT: Final = "这些链接最多可用 {minutes:.0f} 分钟，持有链接者均可打开。"
AGENT_DETECTOR_KEPT: Final = "该编号是此检测器的唯一钥匙，请勿外传。检测器仅在服务器内存中；{minutes:.0f} 分钟未使用、任何智能体又拟合了 {count} 个新检测器，或服务器停止时，它即被遗忘。"
