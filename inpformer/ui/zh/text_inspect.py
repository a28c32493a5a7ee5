"""text_inspect in Simplified Chinese."""

from __future__ import annotations

from typing import Final

WHY_TITLE: Final = "为什么：它的原型 (INP)"
WHY_LEAD: Final = "每个图块染成与之最像的原型的颜色。原型取自这张图片本身；它们无法重建的就是异常。"
WHY_LEAD_TRAINING_FREE: Final = (
    "每个图块染成与之最像的原型的颜色。这些原型是这张图片自身的聚类；远离所有原型的就是不寻常之处。"
)
WHY_ALT: Final = "图片，每个图块按最近的原型着色"
WHY_MORE: Final = "询问某个图块的原因"

GALLERY_LEAD: Final = (
    "先看效果：每种部件都有一个由几张正常图片拟合的检测器。点击一个结果即可打开，"
    "然后移动阈值、查看原型，或在下面试用您自己的图片。"
)
GALLERY_LABEL: Final = "预先计算的结果；点击即可打开"
GALLERY_CAPTION: Final = "{title}：{known}\n{verdict} · {confidence}"
GALLERY_GOOD: Final = "正常部件"
MORE_EXAMPLES: Final = "更多示例图片"
PART_LABEL: Final = "部件"
PART_PICTURES: Final = "点击图片，用该部件的现成检测器打开。"
USE_NORMALS: Final = "用它的正常图片进行拟合"
NORMALS_READY: Final = "已选择“{title}”的 {count} 张正常图片；请按“拟合”。"
STEP_INSPECT: Final = "要检测的图片"
ONE_PICTURE_TAB: Final = "单张图片"
MANY_PICTURES_TAB: Final = "多张图片"
PICTURE_LABEL: Final = "拖放、粘贴或选择图片"
INSPECT: Final = "检测"
MANY_LABEL: Final = "图片或 zip 文件，一次最多 48 张"
FOLDER_LABEL: Final = "或一个图片文件夹"
INSPECT_ALL: Final = "全部检测"
STOP_ALL: Final = "停止"
HOW_LABEL: Final = "如何查看图片"
GEOMETRY_LABEL: Final = "图片的范围"
GEOMETRIES: Final = (
    ("整张图片，保持原有宽高比", "full"),
    ("中间部分，与论文的基准测试相同", "benchmark"),
)
LOOK_TILES_LABEL: Final = "分块"
LOOK_TILES_INFO: Final = "分块能看到更小的缺陷，但更慢；用分块拟合的检测器总会分块。"
LOOK_TILES: Final = (
    ("与检测器拟合时相同", "fitted"),
    ("一次看整张图片", ""),
    ("2 × 2 分块", "2x2"),
    ("3 × 3 分块", "3x3"),
    ("按图片自动选择", "auto"),
)
STEP_RESULT: Final = "结果"
RESULT_EMPTY: Final = "结果显示在这里：添加图片并按“检测”。"
THRESHOLD_LABEL: Final = "阈值（1 = 校准值）"
CUT_LABEL: Final = "原始距离的分割值（未校准）"
MIN_AREA_LABEL: Final = "最小区域（占图片的 %）"
MAP_LABEL: Final = "异常图"
USE_FOR_ALL: Final = "对所有结果使用此异常图、阈值和面积"
USED_FOR_ALL: Final = "列表及其下载现已使用此异常图、阈值和面积。"
MAPS_SIDE_BY_SIDE: Final = "同一刻度下并排查看各异常图"
SIDE_SHOW: Final = "显示这张图片的各异常图"

VIEWER_TEXTS: Final = {
    "modes": "显示内容",
    "overlay": "叠加",
    "heatmap": "热力图",
    "mask": "掩码",
    "picture": "图片",
    "show": "其上显示",
    "split": "前后对比",
    "outlines": "轮廓",
    "boxes": "方框",
    "zoom": "缩放",
    "zoomIn": "放大",
    "zoomOut": "缩小",
    "reset": "整张图片",
    "stage": "图片及其异常图。加减键缩放，方向键移动，0 显示全图，回车读取中心处的数值。",
    "splitHandle": "左边为原图，右边为叠加图",
    "empty": "还没有图片",
    "clickHint": "点击图片查看该处数值。滚轮或双指缩放，拖动可移动。",
    "unseenNote": "斜线处：从未检测，因为这种方式会裁剪图片。",
    "opacity": "叠加不透明度",
    "colours": "配色",
    "regions": "高于阈值的区域",
    "noRegions": "没有高于阈值的区域。",
    "goToRegion": "放大区域",
    "regionNumber": "编号",
    "regionBox": "左、上 · 尺寸（像素）",
    "regionArea": "面积",
    "regionPeak": "峰值",
}
SCALE_UNIT: Final = "阈值的倍数；颜色由校准固定"
SCALE_RAW: Final = "原始距离，未校准；颜色固定"
REGION_AREA: Final = "{pixels:.0f} px · {share:.2%}"
MORE_REGIONS: Final = "另有 {count} 个较小的区域未列出。"
RAW_VALUE: Final = "原始值 {value:.4g}"
TIMES_VALUE: Final = "{times:.2f} × 阈值 · 原始值 {value:.4g}"
VALUE_AT: Final = "像素 {x}, {y}：{value}，{side}。"
VALUE_ABOVE: Final = "高于当前阈值"
VALUE_BELOW: Final = "不高于当前阈值"
VALUE_UNSEEN: Final = "像素 {x}, {y} 从未被检测。"

STEP_RESULTS: Final = "您的结果"
RESULTS_LEAD: Final = "按置信度排序。点击一个结果，或在其上按回车，即可在上方打开。"
CARD_SCORE: Final = "分数 {score:.3f}，无判定"
RESULTS_COUNT: Final = "{count} 个结果中显示 {shown} 个，{anomalous} 个异常"
BATCH_STARTED: Final = "{count} 张图片 · {name}"
BATCH_PROGRESS: Final = "{done} / {count} · {name} · 约剩 {seconds:.0f} 秒"
BATCH_DONE: Final = "已检测 {done} 张图片，用时 {seconds:.0f} 秒。"
BATCH_STOPPED: Final = "已停止：{count} 张图片中的 {done} 张已检测并保留。"
BATCH_PROBLEMS: Final = "已略过："
A_BATCH: Final = "多张图片的检测"
FILTER_VERDICT: Final = "显示"
FILTER_CHOICES: Final = (
    ("全部", "all"),
    ("✕ 异常", "anomalous"),
    ("✓ 正常", "normal"),
    ("? 未校准", "not calibrated"),
)
FILTER_NAME: Final = "名称包含"
TABLE_LABEL: Final = "结果；点击一行即可打开"
TABLE_HEADERS: Final = (
    "编号",
    "名称",
    "判定",
    "置信度",
    "分数",
    "阈值",
    "面积",
    "区域数",
    "异常图",
    "秒",
    "检测器",
)
DOWNLOAD_CSV: Final = "下载 CSV"
DOWNLOAD_JSON: Final = "下载 JSON"
DOWNLOAD_ZIP: Final = "下载异常图、掩码、叠加图和运行卡 (zip)"
NO_RESULTS: Final = "请先检测一张图片；目前没有可下载的结果。"
NO_PICTURES: Final = "请添加图片、文件夹或 zip 文件，然后按“全部检测”。"
NO_SUCH_RESULT: Final = "该结果已不在列表中；请另选一个。"

SIDE_LEAD: Final = (
    "所有异常图共用一个刻度：一端是正常水平，另一端是阈值的两倍距离，阈值位于中间，"
    "因此颜色相同即可疑程度相同。最后一张图显示各异常图的差异所在。"
)
SIDE_ONE_MAP: Final = "该检测器只给出一张异常图（{name}），没有可与之比较的。"
SIDE_RAW: Final = "这些异常图从未校准：按各自的固定颜色显示原始值。"
SIDE_AGREE: Final = "所有异常图的判定一致。"
SIDE_DIFFER: Final = "各异常图的判定不一致。"
SIDE_OVERLAP: Final = "在任一异常图标出的像素中，有 {share:.0%} 被全部异常图标出。"
SIDE_TOP: Final = "在各异常图最高的 1% 像素中，有 {share:.0%} 为全部共有。"
DISAGREEMENT: Final = "差异"
DISAGREEMENT_LINE: Final = "平均 {mean:.2f}，最大 {most:.2f}（1 = 从正常水平到阈值）"
NOT_CALIBRATED: Final = "此异常图显示图片内部的不寻常之处。如需判定，请用正常图片拟合检测器。"
SCORE_LINE: Final = "分数 {score:.3f}，阈值 {threshold:.3f}"
RAW_SCORE_LINE: Final = "分数 {score:.3f}，分割值 {threshold:.3f}"
AREA_LINE: Final = "{regions} 个区域高于它，占图片的 {area:.1%}"
MAP_LINE: Final = "异常图：{name}"
TIME_LINE: Final = "{seconds:.2f} 秒"
NO_PICTURE: Final = "请添加要检测的图片，然后按“检测”。"
NOTHING_INSPECTED: Final = "请先检测一张图片；之后滑块会重绘其异常图。"
