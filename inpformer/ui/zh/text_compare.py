"""text_compare in Simplified Chinese."""

from __future__ import annotations

from typing import Final

COMPARE_LEAD: Final = (
    "让两到三个检测器检测同一批图片。已校准的异常图共用一个刻度：0 是检测器在正常图片上看到的水平，"
    "1 是其阈值。检测器意见不一的图片排在最前。"
)
COMPARE_DETECTORS: Final = "要比较的检测器（2 或 3 个）"
COMPARE_SOURCE: Final = "图片"
COMPARE_SOURCES: Final = {
    "inspected": "我检测过的图片",
    "uploaded": "新图片",
    "part": "示例部件的测试图片",
}
COMPARE_FILES: Final = "用于比较的图片"
COMPARE_PART: Final = "示例部件"
COMPARE_RUN: Final = "比较"
COMPARE_CANCEL: Final = "取消比较"
A_COMPARISON: Final = "比较"
COMPARE_STARTED: Final = "正在比较 {count} 张图片 …"
COMPARE_PROGRESS: Final = "已完成 {done} / {count} 张图片 · 约剩 {seconds:.0f} 秒"
COMPARE_DONE: Final = "已比较 {count} 张图片，用时 {seconds:.0f} 秒。"
COMPARE_CANCELLED: Final = "已取消：下面显示 {count} 张图片中的 {done} 张。"
COMPARE_CANCELLED_EARLY: Final = "在第一张图片完成之前已取消。"

COMPARE_COUNT: Final = "请选择 2 或 3 个检测器进行比较；现在选了 {count} 个。"
COMPARE_NO_INSPECTED: Final = (
    "您还没有检测过图片。请先检测一张，或改用新图片或示例部件的图片进行比较。"
)
COMPARE_NO_FILES: Final = "请至少添加 1 张用于比较的图片。"
COMPARE_NO_PART: Final = "请选择用其图片进行比较的示例部件。"
COMPARE_SOME: Final = "共有 {count} 张图片；只比较了前 {limit} 张。"
COMPARE_LEFT_OUT: Final = "已略过：{reason}"

COMPARE_DETECTOR: Final = "{letter}：{title}"
COMPARE_MAP: Final = "异常图：{name}"
COMPARE_CALIBRATED: Final = "阈值与判定来自正常图片"
COMPARE_UNCALIBRATED: Final = (
    "未校准：没有阈值，也不作判定，颜色使用其自身 {low:g} 到 {high:g} 的固定刻度"
)
COMPARE_NO_VERDICT: Final = "? 无判定"
COMPARE_NO_VERDICT_SCORE: Final = "原始分数 {score:.3f}"
COMPARE_SCALE: Final = "已校准异常图的颜色"
COMPARE_SCALE_ENDS: Final = ("正常水平", "阈值", "两倍距离及以上")

COMPARE_VERDICTS: Final = "{count} 张图片中，有 {differing} 张判定不一致。"
COMPARE_FLAGGED: Final = "{letter} 判定 {flagged} 张为异常。"
COMPARE_RIGHT: Final = "在 {count} 张已知标签的图片中，{letter} 判对了 {right} 张。"
COMPARE_MEAN: Final = "异常图平均相差 {difference:.2g}，其中 1 表示从正常水平到阈值的距离。"
COMPARE_MEAN_RAW: Final = "{letters} 的原始异常图平均相差 {difference:.2g}。"
COMPARE_NO_SCALE: Final = "这些异常图没有共同刻度，因此按最高处重合的多少排序，重合最少的在前。"

COMPARE_ROW_DIFFER: Final = "⚠ 判定不一致"
COMPARE_ROW_AGREE: Final = "判定一致"
COMPARE_KNOWN: Final = "已知：{defect}"
COMPARE_GOOD: Final = "正常部件"
COMPARE_PICTURE: Final = "图片"
COMPARE_DIFFERENCE_MAP: Final = "差异所在"
COMPARE_ALT: Final = "{name}：叠加在图片上的 {letter} 的异常图"
COMPARE_DIFFERENCE: Final = "差异 {value:.2g}"
COMPARE_IOU: Final = "标出像素的重合 {value:.0%}"
COMPARE_TOP: Final = "最高 1% 像素的重合 {value:.0%}"

COMPARE_TABLE: Final = "全部图片，差异最大的在前"
COMPARE_COLUMNS: Final = ("图片", "已知", "差异", "标出像素重合", "最高 1% 重合")
COMPARE_VERDICT_COLUMN: Final = "{letter}：判定与异常置信度"
COMPARE_CELL: Final = "{verdict} · {confidence:.0%}"
