"""text_explorer in Simplified Chinese."""

from __future__ import annotations

from typing import Final

ATTENTION_LABEL: Final = "各原型的注意力"

EXPLORER_TITLE: Final = "为什么：图片的原型 (INP)"
EXPLORER_LEAD: Final = (
    "检测器用取自图片本身的少数几个原型 (INP) 来描述图片。点击图片或异常图的任意位置，"
    "即可得到该图块的理由。"
)
EXPLORER_EMPTY: Final = (
    "还没有可解释的内容：请在“检测”标签页检测一张图片，或打开其中一个结果，然后再回来。"
)
GO_TO_INSPECT: Final = "前往“检测”"
EXPLORED_LABEL: Final = "已检测的图片"
VIEWS: Final = {
    "picture": "图片",
    "mosaic": "最近的 INP",
    "distance": "距离",
    "residual": "残差",
}
VIEW_LABEL: Final = "显示内容；点击某处可得到理由"
PICTURE_NOTE: Final = "轮廓：高于阈值。方框：给出理由的图块。"
PICTURE_NOTE_RAW: Final = "方框：给出理由的图块。"
PATCH_ROW: Final = "行"
PATCH_COLUMN: Final = "列"
PATCH_KEYS_NOTE: Final = "或按行列选择图块，或逐块移动："
STEP_LEFT: Final = "← 左"
STEP_RIGHT: Final = "右 →"
STEP_UP: Final = "↑ 上"
STEP_DOWN: Final = "↓ 下"
NO_SUCH_PATCH: Final = "这张图片有 {rows} 行 {columns} 列图块；请给出从 1 到该范围的数字。"
PATCH_OUTSIDE: Final = "模型没有看过这个位置；请点击图片之内。"
ATTENTION_TITLE: Final = "每个原型看向哪里"
ATTENTION_NOTE: Final = (
    "灰色为没有注意力，黄色为注意力强。各个头共用一个刻度，各解码器层也是：较暗的原型确实注意得少。"
    "百分比：离该原型最近的图块。"
)
ATTENTION_CHOICE: Final = "注意力来源"
ATTENTION_ALL: Final = "INP 提取器，全部头"
ATTENTION_HEAD: Final = "INP 提取器，第 {number} 头"
ATTENTION_LAYER: Final = "解码器第 {number} 层：使用该原型的图块"
HEALTH_TITLE: Final = "原型健康状况"
INP_COUNT_LABEL: Final = "原型数量"
INP_COUNT_INFO: Final = (
    "立即改变，仅用于本标签页。阈值只对检测器自身的原型数有效，换成其他数量就没有阈值。"
)
REASON_TITLE: Final = "第 {row} 行第 {column} 列的图块"
THIS_PATCH: Final = "该图块"
REASON_FAR: Final = (
    "它最像 INP {inp}，但仍然不像：距离 {distance}，是图片中典型图块 ({typical}) 的 {times} 倍。"
)
REASON_FARTHER: Final = (
    "它最像 INP {inp}，但比平常稍远：距离 {distance}，是图片中典型图块 ({typical}) 的 {times} 倍。"
)
REASON_NEAR: Final = "它最像 INP {inp}，远近与平常相当：距离 {distance}，是图片中典型图块 ({typical}) 的 {times} 倍。"
REASON_NOT_REBUILT: Final = (
    "解码器无法由原型重建它：偏差为 {value} ({measure})，是典型图块 ({typical}) 的 {times} 倍。"
)
REASON_LESS_REBUILT: Final = (
    "解码器由原型重建它的效果不如平常，但仍在正常范围：偏差为 {value} ({measure})，"
    "是典型图块 ({typical}) 的 {times} 倍。"
)
REASON_REBUILT: Final = (
    "解码器由原型重建它的效果与平常相当：偏差为 {value} ({measure})，"
    "是典型图块 ({typical}) 的 {times} 倍。"
)
REASON_NOT_DECODED: Final = "没有进行重建：该检测器只按到原型的距离判断。"
REASON_SEEN: Final = "正常图片中有与它相似的图块：余弦 {similarity}，典型图块为 {usual}。"
REASON_UNSEEN: Final = (
    "正常图片中没有与它很相似的图块：余弦最高 {similarity}，而典型图块可达 {usual}。"
)
STANDING_ABOVE: Final = "✕ {times} × 阈值"
STANDING_BELOW: Final = "✓ {times} × 阈值"
STANDING_RAW: Final = "{value}，无阈值"
STANDING_RANK: Final = "第 {rank:,} 位，共 {count:,}"
STANDING_DECIDES: Final = "{name}（决定判定）"
SOFT_WEIGHTS: Final = "原型：软权重与距离"
SOFT_WEIGHTS_NOTE: Final = "软权重之和为 1；因为来自余弦，几乎均匀是常见的。◀ 标出最近的原型。"
INP_BAR: Final = "权重 {weight:.2f}，距离 {distance}"
ERRORS: Final = "解码器未能重建的部分"
ERRORS_NOTE: Final = "满格表示图片中典型图块的 {full:.0f} 倍或更多。"
COSINE_ERROR: Final = "1 - 余弦"
LENGTH_ERROR: Final = "欧氏距离"
LAYER_GROUP: Final = "第 {number} 层组，共 {count} 组"
ERROR_BAR: Final = "{value}，典型值的 {times} 倍"
SIMILAR_HERE: Final = "这张图片其他位置中最相似的"
SIMILAR_NORMAL: Final = "检测器所用正常图片中最相似的"
NO_SIMILAR_HERE: Final = "这张图片的图块太少，没有其他位置。"
NO_SHOTS: Final = (
    "这里没有该检测器所用的正常图片：请使用示例部件的检测器，或在“小样本”标签页拟合一个。"
)
CROP: Final = "余弦 {similarity} · 第 {row} 行第 {column} 列"
CROP_SHOT: Final = "正常图片 {number}"
SCALE_THRESHOLD: Final = "阈值 {value}"
DISTANCE_NOTE: Final = (
    "到最近原型的 1 - 余弦，每个图块一格，使用检测器的固定刻度。"
    "在这张图片中：典型值 {typical}，最大值 {largest}。"
)
RESIDUAL_NOTE: Final = (
    "残差的平均大小，以词元大小的比例表示。刻度由正常图片固定："
    "上端为其图块中每 200 个有 1 个超过的值的 {factor:.0f} 倍。"
)
RESIDUAL_NOTE_NO_SHOTS: Final = (
    "残差的平均大小，以词元大小的比例表示，固定刻度至 {share:.0%}："
    "更适合定刻度的正常图片在这里不可用。"
)
RESIDUAL_OWN: Final = "在这张图片中：典型值 {typical}，最大值 {largest}。"
HEALTH_FINE: Final = "没有可疑之处：各原型互不相同，且都有自己的图块。"
HEALTH_NO_THRESHOLD: Final = "无法检查某个原型是否主要看向缺陷：没有说明哪些区域被标出的校准阈值。用正常图片拟合的检测器才有。"
HEALTH_NOTHING_FLAGGED: Final = "没有图块高于阈值，因此没有原型看向这类图块。"
HEALTH_DRAWN: Final = "标出的区域占图片的 {area:.1%}，而以下原型对它的注意远多于此：{inps}。"
HEALTH_DRAWN_INP: Final = "INP {inp}（{share:.0%} 的注意力，为均匀分布的 {factor:.1f} 倍）"
HEALTH_DRAWN_WHY: Final = (
    "它们可能把缺陷当成了正常；这类图块便显得比实际更正常，尤其是在距离图中。"
    "此处请更多地相信重建图，用更多正常图片拟合，或减少原型。"
)
HEALTH_COINCIDENT: Final = "{inps} 重合（余弦 {cosine} 或更高）。"
HEALTH_COINCIDENT_WHY: Final = "它们描述的是同样的东西，因此图片实际的原型比看上去少。在均匀表面上这无妨，在多变的表面上则没有帮助。"
HEALTH_FEWER_FIT: Final = "建议：用更少的原型重新拟合。"
HEALTH_FEWER_LIVE: Final = "建议：用滑块减少原型。"
HEALTH_UNUSED: Final = "{inps}（共 {count} 个）几乎不是任何图块的最近原型。"
HEALTH_UNUSED_WHY: Final = "在距离图中它们不起作用。"
HEALTH_UNUSED_TRAINED: Final = (
    "解码器仍可能混合使用它们，因此单凭这一点不算问题；在均匀表面上很常见。"
)
HEALTH_COLLAPSED: Final = (
    "所有图块的最近原型都相同：原型已坍缩为一个。"
    "请拟合 INP-Former++（其软一致性可防止坍缩），或减少原型。"
)
