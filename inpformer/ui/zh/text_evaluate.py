"""text_evaluate in Simplified Chinese."""

from __future__ import annotations

from typing import Final

EVALUATE_LEAD: Final = "检测器有多好？让它检测您已知答案的图片，查看论文中的各项指标、误报与漏检，以及换一个阈值会怎样。"
EVALUATE_DETECTORS: Final = "要评估的检测器（1 到 4 个）"
EVALUATE_SOURCE: Final = "已知答案的图片"
EVALUATE_SOURCES: Final = {
    "part": "示例部件的测试图片",
    "annotations": "我在“标注”中标注的图片",
    "zip": "zip 文件中的数据集",
}
EVALUATE_FOLDER_SOURCE: Final = "本机上的文件夹"
EVALUATE_PART: Final = "示例部件"
EVALUATE_ZIP: Final = "zip 文件：MVTec AD、VisA 或 Real-IAD 布局，或 normal/ 与 defect/ 两个文件夹"
EVALUATE_FOLDER: Final = "文件夹路径"
EVALUATE_PROTOCOL: Final = "如何看图片"
EVALUATE_PROTOCOLS: Final = {
    "full-image": "整张图片，与“检测”相同",
    "paper": "与论文相同：只看中间的 77%，异常图为 256 × 256",
}
EVALUATE_RUN: Final = "评估"
EVALUATE_CANCEL: Final = "取消评估"
AN_EVALUATION: Final = "评估"
EVALUATE_STARTED: Final = "正在检测 {count} 张图片 …"
EVALUATE_PROGRESS: Final = "{title}：已完成 {done} / {count} 张图片 · 约剩 {seconds:.0f} 秒"
EVALUATE_DONE: Final = "{count} 张图片，{detectors} 个检测器，用时 {seconds:.0f} 秒。"
EVALUATE_CANCELLED: Final = "已取消。之前显示的内容保持不变。"
EVALUATE_COUNT: Final = "请选择 1 到 4 个检测器进行评估；现在选了 {count} 个。"
EVALUATE_NO_PART: Final = "请选择用于评估的示例部件。"
EVALUATE_NO_LABELS: Final = "您还没有标注过图片。请先在“标注”中标注一些，或用示例部件进行评估。"
EVALUATE_NO_ZIP: Final = "请先添加数据集的 zip 文件。"
EVALUATE_NO_FOLDER: Final = "请输入本机上文件夹的路径。"
EVALUATE_FOLDER_REFUSED: Final = (
    "只有页面运行在您自己的电脑上时才能指定文件夹；请改为添加 zip 文件。"
)
EVALUATE_NO_TEST: Final = "此数据集中没有测试图片；请添加一些后重试。"
EVALUATE_SOME: Final = (
    "共有 {count} 张测试图片；均匀选取了其中 {limit} 张。命令 `inpformer evaluate` 会使用全部图片。"
)
EVALUATE_NOTHING: Final = "请先评估一个检测器；现在还没有可显示的内容。"

EVALUATE_FIGURES: Final = "指标（%）"
EVALUATE_DETECTOR: Final = "检测器"
EVALUATE_CLASS: Final = "类别"
EVALUATE_MEAN: Final = "{count} 个类别的平均"
EVALUATE_METRICS: Final = {
    "image_auroc": "图像 AUROC",
    "image_ap": "图像 AP",
    "image_f1_max": "图像 F1 max",
    "pixel_auroc": "像素 AUROC",
    "pixel_ap": "像素 AP",
    "pixel_f1_max": "像素 F1 max",
    "aupro": "区域 AUPRO",
}
EVALUATE_HITS: Final = "最高点在缺陷内"
EVALUATE_SECONDS: Final = "秒/张"
EVALUATE_COUNTS: Final = "{normal} 张正常图片，{anomalous} 张异常图片，{regions} 处缺陷"
EVALUATE_MISSING: Final = "为何缺少某项指标：{reasons}"
EVALUATE_BY_DEFECT: Final = "按缺陷种类"
EVALUATE_DEFECT: Final = "缺陷"

EVALUATE_SHOWN: Final = "下面显示的检测器"
EVALUATE_HISTOGRAM: Final = "图像分数"
EVALUATE_SCORE: Final = "图像分数（原始刻度）"
EVALUATE_PICTURES: Final = "图片数"
EVALUATE_NORMAL: Final = "正常"
EVALUATE_ANOMALOUS: Final = "异常"
EVALUATE_THRESHOLD: Final = "图像分数的阈值"
EVALUATE_CUT: Final = "阈值"
EVALUATE_CALIBRATED_CUT: Final = "由正常图片校准得到：{threshold:.4g}"
EVALUATE_BEST_CUT: Final = "此检测器没有校准阈值；滑块从这些图片上 F1 最好的位置开始"
EVALUATE_CONFUSION: Final = "此阈值下的判定"
EVALUATE_FOUND: Final = "{anomalous} 张异常图片中找到 {found} 张"
EVALUATE_ALARMS: Final = "{normal} 张正常图片中误报 {alarms} 张"
EVALUATE_RATES: Final = "精确率 {precision}，召回率 {recall}"
EVALUATE_FALSE_ALARMS: Final = "误报，分数最高的在前"
EVALUATE_MISSES: Final = "漏检，分数最低的在前"
EVALUATE_NONE: Final = "此阈值下没有。"
EVALUATE_MORE: Final = "另有 {count} 张"
EVALUATE_PICTURE: Final = "分数 {score:.4g}"
EVALUATE_CURVES: Final = {
    "image_roc": "图像 ROC",
    "image_pr": "图像精确率与召回率",
    "pixel_roc": "像素 ROC",
    "pixel_pr": "像素精确率与召回率",
    "pro": "区域重叠率",
}
EVALUATE_AXES: Final = {
    "roc": "检出率",
    "pr": "精确率",
    "pro": "重叠率",
    "alarms": "误报率",
    "recall": "召回率",
}
EVALUATE_DISAGREE: Final = "检测器意见不一之处，各用自己的阈值"
EVALUATE_AGREE: Final = "各检测器对所有图片意见一致。"
EVALUATE_REPORT: Final = "下载报告"
EVALUATE_PROBLEMS: Final = "须知"

LIMIT_TITLE: Final = "检测极限：能找到的最小缺陷"
LIMIT_LEAD: Final = (
    "在上面所选的几张正常图片上画出已知大小、比底色更亮或更暗的圆斑，由当前检测器检测。"
    "若图片被判为异常且异常图的最高点落在圆斑内，即算找到。真实缺陷与此不同："
    "它说明什么太小或太淡，而不保证什么一定能找到。"
)
LIMIT_RUN: Final = "测量检测极限"
A_LIMIT: Final = "检测极限测量"
LIMIT_PROGRESS: Final = "已完成 {done} / {count} 张画有圆斑的图片 · 约剩 {seconds:.0f} 秒"
LIMIT_DONE: Final = "{count} 张画有圆斑的图片，用时 {seconds:.0f} 秒。检测器：{title}。"
LIMIT_CANCELLED: Final = "已取消：没有可显示的极限。"
LIMIT_NO_THRESHOLD: Final = "测量极限需要校准阈值；请选择用正常图片拟合过的检测器。"
LIMIT_NO_NORMALS: Final = "没有可画圆斑的正常图片；请选择其他图片。"
LIMIT_CHART: Final = "各大小圆斑被找到的比例"
LIMIT_SIZE: Final = "大小（像素）"
LIMIT_FOUND: Final = "找到"
LIMIT_CONTRAST: Final = "{value:g} 灰度级"
LIMIT_SMALLEST: Final = "亮或暗 {contrast:g} 灰度级（共 255）：从 {size} 像素起能找到。"
LIMIT_NONE: Final = "亮或暗 {contrast:g} 灰度级（共 255）：无论多大都找不到。"
LIMIT_ALARMS: Final = "什么都不画时，这 {count} 张图片中有 {alarms} 张被判为异常。"
