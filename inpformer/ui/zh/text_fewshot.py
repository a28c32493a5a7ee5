"""text_fewshot in Simplified Chinese."""

from __future__ import annotations

from typing import Final

FEWSHOT_LEAD: Final = (
    "请给出 1 到 16 张正常部件的图片。参考集医生会先检查它们；然后在约一分钟内用它们拟合检测器。"
    "它只属于您，可在各个标签页使用。"
)
STEP_NORMAL: Final = "1 · 正常图片"
NORMAL_LABEL: Final = "1 到 16 张没有缺陷的图片"
NORMAL_GALLERY: Final = "正常图片"
FEWSHOT_PART_LABEL: Final = "或使用示例部件的图片"
FEWSHOT_TAKE_NORMALS: Final = "采用它的正常图片"
STEP_FIT: Final = "2 · 拟合检测器"
FIT: Final = "拟合"
FITTING: Final = "正在拟合 …"
CANCEL: Final = "取消"
NEW_NAME_LABEL: Final = "新检测器的名称"
NEW_NAME: Final = "我的部件，{shots} 张"
NEW_NAME_HINT: Final = "可以留空"
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
FIT_TILES_LABEL: Final = "分块"
FIT_TILES_INFO: Final = "用于大图片中的小缺陷；耗时按块数成倍增加。"
TILE_CHOICES: Final = (
    ("整张图片", ""),
    ("2 × 2 分块", "2x2"),
    ("3 × 3 分块", "3x3"),
    ("按尺寸自动选择", "auto"),
)
RATE_LABEL: Final = "期望的误报率"
RATE_INFO: Final = "正常部件的视图中高于阈值的比例。样本很少时无法保证很低的误报率。"
ENCODER_LABEL: Final = "编码器"
ENCODER_INFO: Final = "只列出权重已在本服务器上的编码器。"
FIT_DONE: Final = "完成，用时 {seconds:.0f} 秒：“{name}”已在各标签页使用。现在可以检测图片了。"
IDENTICAL: Final = "{count} 张图片中有相同的，只计一次：实际使用 {used} 张。"
FIT_CANCELLED: Final = "已取消。仍使用之前的检测器。"
FIT_PROGRESS: Final = "{phase} · {fraction:.0%} · 约剩 {seconds:.0f} 秒"
NO_NORMALS: Final = "请至少添加 1 张正常图片，然后按“拟合”。"
TOO_MANY: Final = "最多选择 {limit} 张正常图片；现有 {count} 张。"
NO_SUCH_ENCODER: Final = "编码器“{name}”不在本服务器上；请另选一个。"
PHASES: Final = {
    "encode": "读取正常图片",
    "train": "学习重建正常图片",
    "anomalies": "生成合成缺陷",
    "head": "学习勾画缺陷",
    "calibrate": "设定阈值",
}
LOSSES: Final = {
    "reconstruction": "重建",
    "coherence": "INP 一致性",
    "segmentation": "勾画缺陷",
}
CURVE_TITLE: Final = "每个训练步的损失；越低越好"
CURVE_X: Final = "训练步"
CURVE_Y: Final = "损失"

DOCTOR_LOOKS: Final = "参考集医生正在检查图片 …"
DOCTOR_FINE: Final = "✓ 参考集医生在 {count} 张图片中没有发现异样。"
DOCTOR_ALONE: Final = "只有一张图片就无从比较：4 张或更多可得到更好的阈值，也能看出其中的缺陷。"
DOCTOR_FOUND: Final = "参考集医生发现："
DOCTOR_LINE: Final = "{mark} {who}：{what}"
DOCTOR_ASKS: Final = "检测器会把它当作正常来学习。请取出这张图片；如果它本该如此，也可照样拟合。"
FIT_ANYWAY: Final = "照样拟合"
NOT_YET: Final = "先不拟合"
SEVERITY_MARKS: Final = {"stop": "✕", "warn": "!", "info": "i", "fine": "✓"}
FINDINGS: Final = {
    "identical": "是同一张图片；只计一次",
    "near_duplicate": "似乎是同一张图片保存了两次；作用几乎只相当于一张",
    "unlike": "与其他图片不像；是同一种部件、同样的拍摄方式吗？",
    "unlike_pair": "彼此不像；是同一种部件、同样的拍摄方式吗？",
    "odd_place": "圈出的位置与其他图片不同；是缺陷吗？",
    "blurred": "模糊",
    "aspect": "宽高比与其他图片不同；是被裁剪，还是来自另一台相机？",
    "size": "尺寸与其他图片不同；是拍得更近，还是来自另一台相机？",
    "small": "小于检测器可以利用的尺寸",
    "dark": "很暗",
    "overexposed": "过度曝光",
    "light": "亮度与其他图片不同",
    "flat": "只是一片均匀的表面，没有可学习的内容",
}
FIGURE_UNLIKE: Final = "距离为通常的 {overall:.2f} 倍"
FIGURE_ODD: Final = "异样程度为通常的 {local:.2f} 倍"
FIGURE_BLUR: Final = "清晰度 {sharpness:.2f}，通常为 {usual:.2f}"
FIGURE_LIGHT: Final = "{mean:.0f}（最大 255），通常为 {usual:.0f}"
FIGURE_SIZE: Final = "{width:.0f} × {height:.0f}"
FIGURE_GRAIN: Final = "{agreement:.0%} 的纹理细节一致"

STEP_OWN: Final = "3 · 您的检测器"
OWN_NONE: Final = "您还没有检测器：请拟合一个，或加载以前保存的文件。"
OWN_LABEL: Final = "您的检测器"
OWN_NAME_LABEL: Final = "它的名称"
OWN_RENAME: Final = "重命名"
OWN_DOWNLOAD: Final = "下载"
OWN_REMOVE: Final = "移除"
OWN_USE: Final = "使用它"
OWN_LOAD: Final = "加载文件 (.safetensors)"
OWN_ABOUT: Final = "{what} · 新的正常部件中至多约 {part_rate:.0%} 可能被标为异常"
OWN_IN_USE: Final = "使用中"
OWN_COUNT: Final = "为您保留 {limit} 个，现有 {count} 个；超出时新的会取代最早的。"
OWN_LOADED: Final = "“{name}”已加载，并在各标签页使用。"
OWN_REMOVED: Final = "“{name}”已移除。"
OWN_RENAMED: Final = "现在它名为“{name}”。"
OWN_CHOOSE: Final = "请先选择您的一个检测器。"
OWN_NAME_EMPTY: Final = "请先填写名称。"
OWN_WRONG_FILE: Final = (
    "“{name}”不是 safetensors 文件；请选择在这里下载的或用 detector.save 保存的文件。"
)
OWN_LOAD_NONE: Final = "请选择要加载的 safetensors 文件。"

LAB_TITLE: Final = "样本实验：正常图片的数量与选择有多重要？"
LAB_LEAD: Final = (
    "用上面正常图片的若干次抽取以较短的训练拟合检测器，再用它们检测测试图片。"
    "点相距很远，就说明运气起决定作用。"
)
LAB_NORMAL: Final = "已知正常的测试图片"
LAB_ANOMALOUS: Final = "已知有缺陷的测试图片"
LAB_UNKNOWN: Final = "不知是否正常的测试图片"
LAB_KINDS: Final = {False: "已知正常", True: "已知有缺陷"}
LAB_TAKE_PART: Final = "采用示例部件的图片"
LAB_COUNTS: Final = "要尝试的正常图片数量"
LAB_DRAWS: Final = "每种数量的抽取次数"
LAB_VARIANT: Final = "实验所用的方法"
LAB_START: Final = "开始样本实验"
LAB_RUNNING: Final = "样本实验进行中 …"
LAB_TABLE: Final = "按正常图片数量统计"
A_LAB: Final = "样本实验"
LAB_PROGRESS: Final = (
    "第 {draw} / {draws} 次抽取，{shots} 张正常图片 · {fraction:.0%} · 约剩 {seconds:.0f} 秒"
)
LAB_DONE: Final = "完成，用时 {seconds:.0f} 秒：拟合了 {draws} 个检测器；您的检测器保持不变。"
LAB_CANCELLED: Final = "已取消，下面显示已完成的 {draws} 次抽取。"
LAB_NO_NORMALS: Final = "请先在本标签页上方添加至少 2 张正常图片。"
LAB_NO_TESTS: Final = "请添加测试图片，或采用示例部件的图片。"
LAB_HEADERS: Final = (
    "正常图片数",
    "抽取次数",
    "AUROC：平均（最低至最高）",
    "误报",
    "漏检",
    "分数离散度",
    "翻转的判定",
    "每次拟合秒数",
)
LAB_CHART_AUROC: Final = "每次抽取的图像 AUROC 及其平均值"
LAB_CHART_SPREAD: Final = "每张测试图片的分数在各次抽取间的离散度及其平均值"
LAB_AXIS_SHOTS: Final = "正常图片数"
LAB_AXIS_AUROC: Final = "AUROC"
LAB_AXIS_SPREAD: Final = "离散度"
LAB_SAYS_GAIN: Final = (
    "正常图片从 {few} 张增至 {many} 张时，平均 AUROC 由 {before:.2f} 变为 {after:.2f}。"
)
LAB_SAYS_LUCK: Final = "用 {shots} 张正常图片时取决于抽取：AUROC 从 {low:.2f} 到 {high:.2f}。"
LAB_SAYS_FLIPS: Final = (
    "用 {shots} 张正常图片时，{tests} 个判定中有 {flips} 个取决于抽取，例如 {name} 的判定。"
)
LAB_SAYS_STEADY: Final = "用 {shots} 张正常图片时，各次抽取的判定全部一致。"
LAB_SAYS_HURTS: Final = (
    "{name} 有害：含它的抽取比不含它的 AUROC 低 {effect:.2f}（误差约 {margin:.2f}）。请再看看它。"
)
LAB_SAYS_NO_HURT: Final = "没有哪张正常图片的害处超出如此少的抽取所带来的偶然。"
LAB_SAYS_FREE: Final = "免训练原型只从正常图片取得阈值：分数的排序以及 AUROC 在每次抽取中都相同。"
LAB_SAYS_UNKNOWN: Final = "只有两类测试图片都已知时，才能给出 AUROC 以及哪张图片有害。"
