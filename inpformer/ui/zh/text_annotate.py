"""text_annotate in Simplified Chinese."""

from __future__ import annotations

from typing import Final

TAB_ANNOTATE: Final = "标注"
ANNOTATE_LEAD: Final = (
    "修正检测器的发现。掩膜已经预先画好：接受它、在其上修改，或标为正常。"
    "一切立即保存，分辨率与原图相同。"
)
ANNOTATE_EMPTY: Final = "还没有图片。请在“检测”页检测图片，或在下方添加图片、示例部件或数据集。"
QUEUE_TITLE: Final = "待标注图片"
QUEUE_ORDER: Final = "排序方式"
QUEUE_ORDERS: Final = {
    "next": "最值得标注",
    "confidence": "置信度",
    "disagreement": "各异常图的分歧",
    "name": "名称",
}
QUEUE_ORDER_INFO: Final = "最值得标注：检测器最没有把握且各异常图分歧最大。其他：从高到低。"
ANNOTATE_LABELS: Final = {
    "unlabelled": "未标注",
    "normal": "正常",
    "anomalous": "异常",
    "corrected": "已修正",
    "skipped": "已跳过",
}
QUEUE_CONFIDENCE: Final = "置信度 {value:.0%}"
QUEUE_SCORE: Final = "分数 {value:.3f}"
QUEUE_UNPREDICTED: Final = "尚无预测"
ANNOTATE_PLACE: Final = "第 {place} 张，共 {count} 张 · 已标注 {done} 张"
ANNOTATE_PROPOSAL: Final = "显示的是{title}的预测；接受或在其上修改之前不会保存。"
ANNOTATE_STORED: Final = "✓ 已保存在服务器上，版本 {version}。"
ANNOTATE_NOTHING_STORED: Final = "这张图片还没有任何标注。"
ANNOTATE_ACCEPTED: Final = "✓ 已接受：{name}"
ANNOTATE_NORMAL: Final = "✓ 正常：{name}"
ANNOTATE_REMOVE: Final = "移除打开的图片及其掩膜"
ANNOTATE_REMOVED: Final = "已移除 {name} 及其掩膜"
ANNOTATE_SKIPPED: Final = "已跳过：{name}"
ANNOTATE_ALL_DONE: Final = "所有图片都已标注。"
ANNOTATE_ACCEPT: Final = "✓ 接受预测（A）"
ANNOTATE_SAY_NORMAL: Final = "正常（N）"
ANNOTATE_SKIP: Final = "跳过（S）"
ANNOTATE_PREVIOUS: Final = "← 上一张（K）"
ANNOTATE_NEXT: Final = "下一张（J）→"
ANNOTATE_KEYS: Final = (
    "按键：A 接受，N 正常，S 跳过，J 下一张，K 上一张，Z 撤销，Y 重做，[ 和 ] 画笔大小，"
    "B 画笔，E 橡皮，P 多边形，R 矩形，F 魔棒填充，1 到 9 类别。"
)
ANNOTATE_TIMES: Final = "建议掩膜的阈值，为通常阈值的倍数"
ANNOTATE_SMOOTHING: Final = "平滑，以异常图像素计"
ANNOTATE_VALUE: Final = "建议区域的类别"
ANNOTATE_SLIDERS: Final = "预测"
ANNOTATE_SLIDERS_INFO: Final = (
    "滑块改变建议的掩膜。已保存的掩膜只有在您按“接受”时才会改变；撤销可以恢复。"
)
ANNOTATE_ADD_TITLE: Final = "添加图片"
ANNOTATE_FILES: Final = "图片或压缩包"
ANNOTATE_ADD: Final = "添加并预测"
ANNOTATE_PART: Final = "示例部件"
ANNOTATE_ADD_PART: Final = "添加它的测试图片"
ANNOTATE_PREDICT: Final = "用当前检测器重新预测"
ANNOTATE_STOP: Final = "停止"
ANNOTATE_RUNNING: Final = "第 {number} 张，共 {count} 张：{name}"
ANNOTATE_ADDED: Final = "{count} 张图片已加入队列并完成预测。"
ANNOTATE_STOPPED: Final = "已停止，共 {count} 张，完成 {done} 张。"
ANNOTATE_NOTHING_TO_PREDICT: Final = "当前检测器已经预测了队列中的所有图片。"
ANNOTATE_FULL: Final = (
    "队列最多容纳 {limit} 张图片，现已满；“{name}”未加入。"
    "请导出已标注的内容，按“删除我的数据”，再继续处理其余图片。"
)
ANNOTATE_NO_FILES: Final = "请先添加图片或压缩包。"
ANNOTATE_NO_PICTURE: Final = "请先选择队列中的一张图片。"
AN_ANNOTATION: Final = "标注页的预测"
CLASSES_TITLE: Final = "缺陷类别"
CLASS_CHOICE: Final = "类别"
CLASS_NEW: Final = "新类别"
CLASS_NAME: Final = "名称"
CLASS_COLOUR: Final = "颜色"
CLASS_SAVE: Final = "保存类别"
CLASS_SAVED: Final = "类别“{name}”已保存。"
CLASS_BAD_COLOUR: Final = "请选择形如 #d55e00 的颜色。"
EXCHANGE_TITLE: Final = "导出与导入"
EXPORT_KIND: Final = "格式"
EXPORT_KINDS: Final = {
    "zip": "全部内容，附说明卡（无损）",
    "mvtec": "MVTec 目录布局（无损）",
    "png": "PNG 掩膜与 CSV 表格（无损）",
    "coco": "COCO 游程编码（无损）",
    "labelme": "LabelMe 多边形（另附掩膜，无损）",
    "label-studio": "Label Studio 格式（无损）",
    "yolo": "YOLO 分割格式（有损：仅多边形）",
}
EXPORT_RUN: Final = "导出为压缩包"
EXPORT_DONE: Final = "已导出 {count} 张图片。"
EXPORT_LOSSY: Final = "此格式无法保存全部内容；请另存一份无损导出。"
IMPORT_FILE: Final = "数据集压缩包"
IMPORT_KIND: Final = "数据集的格式"
IMPORT_KINDS: Final = {
    "auto": "自动识别",
    "mvtec": "MVTec 目录布局",
    "png": "PNG 掩膜与 CSV 表格",
    "coco": "COCO 格式",
    "labelme": "LabelMe 格式",
    "label-studio": "Label Studio 格式",
    "yolo": "YOLO 分割格式",
    "folders": "“normal”与“defect”文件夹",
}
IMPORT_RUN: Final = "导入"
IMPORT_DONE: Final = "已导入 {count} 张图片。"
IMPORT_NO_FILE: Final = "请先选择要导入的压缩包。"
IMPORT_TOO_LARGE: Final = "“{name}”超过 {limit} 张图片或 {size} MB；请拆分成几个文件。"
PAINTER_UNKNOWN: Final = "这张图片已不在服务器上；请打开另一张。"
MASK_NO_BASE64: Final = "掩膜必须是以 base64 文本表示的 PNG 文件。"
RETRAIN_TITLE: Final = "再训练"
RETRAIN_LEAD: Final = (
    "真实缺陷训练当前检测器的分割头；原型保持不变，阈值重新设定。结果是一个新版本，旧版本保留。"
)
RETRAIN_DETECTOR: Final = "检测器：{title}"
RETRAIN_MARKED: Final = "已标出缺陷的图片：{count}"
RETRAIN_SHOTS: Final = "正常图片：检测器已有 {shots} 张，标为正常的 {normal} 张中使用 {used} 张"
RETRAIN_NO_HEAD: Final = (
    "此检测器没有可训练的分割头：请在“少样本”页拟合 INP-Former++，或在页面顶部选择现成的检测器。"
)
RETRAIN_NOTHING: Final = "请先在至少一张图片中标出缺陷。"
RETRAIN_NO_SHOTS: Final = "此检测器的正常图片不在这里；请至少把一张图片标为正常。"
RETRAIN_USE_NORMAL: Final = "标为正常的图片加入正常图片"
RETRAIN_RUN: Final = "再训练"
RETRAIN_CANCEL: Final = "取消"
RETRAIN_BACK: Final = "回退"
RETRAIN_BACK_TO: Final = "回退到{title}"
RETRAIN_COMPARING: Final = "正在每张已标注图片上比较两个版本……"
RETRAIN_CURVE: Final = "正在计算更少的修正图片会带来什么结果……"
RETRAIN_CANCELLED: Final = "已取消；检测器仍是之前的那个。"
RETRAIN_STOPPED: Final = "其余的比较已取消。"
RETRAIN_DONE: Final = "“{name}”用 {count} 张修正图片训练，耗时 {seconds:.0f} 秒，现已启用。"
RETRAIN_NO_FORMER: Final = "当前检测器在这里没有旧版本。"
A_RETRAINING: Final = "再训练"
CHANGES_COUNTS: Final = "变化：{worse} 张变差，{better} 张变好，{same} 张不变。"
CHANGES_FIGURES: Final = {
    "image_auroc": "图像 AUROC",
    "pixel_ap": "像素平均精度",
    "aupro": "区域重叠指标 AUPRO",
}
CHANGES_HEADERS: Final = ("由未见过它们的版本评判", "之前", "之后", "变化")
CHANGES_NO_FIGURES: Final = (
    "所有带缺陷的已标注图片都参与了训练，因此没有总体指标。"
    "有 2 到 8 张时，每张会由训练时未用它的版本评判。"
)
CHANGES_KINDS: Final = {"regression": "变差", "improvement": "变好", "unchanged": "不变"}
CHANGES_AP: Final = "像素平均精度 {before:.2f} → {after:.2f}"
CHANGES_VERDICTS: Final = "判定 {before} → {after}"
CHANGES_SAID: Final = {True: "异常", False: "正常", None: "未定"}
CHANGES_LEFT_OUT: Final = "由训练时未用它的版本评判"
CHANGES_USED: Final = "参与了训练"
CHANGES_BEFORE: Final = "之前"
CHANGES_AFTER: Final = "之后"
CHANGES_SLIDE: Final = "从之前到之后"
MASKS_CURVE: Final = "更多修正图片的作用"
MASKS_CURVE_X: Final = "参与训练的修正图片数"
MASKS_CURVE_Y: Final = "指标"
MASKS_CURVE_NOTE: Final = "每张图片都由训练时未用它的版本评判。"
LEDGER_TITLE: Final = "标注台账"
LEDGER_COUNT: Final = "已标注 {count} 张图片，其中 {masks} 张有缺陷。"
LEDGER_SECONDS: Final = "每个掩码用时 {seconds:.0f} 秒（中位数）。"
LEDGER_OVERLAP: Final = "预测与最终掩码的平均 IoU 为 {overlap:.2f}。"
LEDGER_NEXT: Final = "下一张建议标注：{name}，它的标注最有帮助。"
LEDGER_HEADERS: Final = ("图片", "标注", "秒数", "预测与掩码的 IoU")
