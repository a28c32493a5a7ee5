"""What the library says of evaluations, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

EVALUATION: Final = {
    "The anomaly map holds values that are no finite numbers.": "异常图中含有非有限数值。",
    "No picture whose defects are known was looked at.": "没有检测过缺陷位置已知的图片。",
    "No pixel is marked as defect.": "没有标记为缺陷的像素。",
    "Every pixel is marked as defect.": "所有像素都标记为缺陷。",
}
