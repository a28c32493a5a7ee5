"""text in Simplified Chinese."""

from __future__ import annotations

from typing import Final

TITLE: Final = "INP-Former++ Lab"
LEAD: Final = (
    "找出图片中什么异常、在哪里、为什么。给出几张正常图片，一分钟拟合一个检测器，然后开始检测。"
    "除非您自己推送，您上传的内容不会离开这台服务器。"
)
NO_SUCH_EXAMPLE: Final = "服务器上没有这个示例；请另选一个。"
NO_READY_DETECTOR: Final = (
    "服务器上“{title}”的现成检测器缺失或已损坏，您的页面保持不变。"
    "请自行拟合：使用“更多示例图片”中该部件的正常图片。"
)
MAP_TITLES: Final = {
    "fused": "融合：重建 + 分割头（+ 记忆）",
    "reconstruction": "重建",
    "segmentation": "分割头",
    "distance": "INP 距离",
}
VERDICTS: Final = {True: "✕ 异常", False: "✓ 正常", None: "? 未校准"}
CONFIDENCE: Final = "异常置信度 {value:.0%}"
READY: Final = "当前检测器：{name}"
UNFITTED_NAME: Final = "尚无正常图片，{encoder}"
ZERO_SHOT_NAME: Final = "零样本（多部件原型，学自其他部件），{encoder}"
WITH_MEMORY: Final = "{variant}，并记住正常图块（不在论文中）"
FITTED_NAME: Final = "{variant}，由 {shots} 张正常图片拟合，{encoder}"
ON_THE_HUB: Final = "位于 Hub：{repo} · 提交 {revision} · 校验值 {sha256}"
CALIBRATED: Final = (
    "阈值来自：{method}；约 {rate:.0%} 高于阈值。新的正常部件中，可能有至多 {part_rate:.0%} "
    "被标为异常：正常图片越多，这一比例越低。"
)
NOTICE: Final = "注意：{text}。"
NO_DISK: Final = "服务器无法保存 {name}：磁盘已满或不可写入。请稍后再试，或告知服务器的管理者。"
YOUR_FILES: Final = "您的文件"
NO_ROOM: Final = "服务器暂时无法再保存文件；请一分钟后再试。"
UPLOAD_GONE: Final = "{name} 已不在服务器上；请重新上传。"
NOT_DONE: Final = "未完成"
LOST: Final = "服务器上出了问题，已写入日志，编号 {request}。您的图片仍在；请再试一次。"
STOPPING: Final = "服务器即将停止，不再接受新的操作；请一分钟后再试。"
DISK_FULL: Final = "您的文件将超过服务器为每位访客保留的 {limit} MB；请点击“删除我的数据”，或上传更少、更小的图片。"
BUSY: Final = "您的{what}仍在进行；请等待或取消，然后再试。"
BUSY_FOR: Final = "您的{what}仍在进行，约剩 {seconds:.0f} 秒；请届时再试，或取消它。"
QUEUE_FULL: Final = "正在排队的访客太多；请一分钟后再试。"
QUEUE_FULL_OF_YOURS: Final = "您已有 {count} 个操作在排队；请等其中一个开始后再试。"
TAB_INSPECT: Final = "检测"
TAB_FEWSHOT: Final = "小样本"
TAB_EXPLORER: Final = "INP 浏览器"
TAB_COMPARE: Final = "比较"
TAB_EVALUATE: Final = "评估"
TAB_MODELS: Final = "模型"
TAB_LEARN: Final = "了解"
DETECTOR_LABEL: Final = "各标签页共用的检测器"
FREE_TITLE: Final = "免训练原型（无需正常图片）"
ZERO_SHOT_TITLE: Final = "零样本：学自其他部件的原型"
PART_DETECTOR_TITLE: Final = "现成检测器：{title}"
NO_SUCH_DETECTOR: Final = "该检测器已不在服务器上；请在“各标签页共用的检测器”中另选一个。"
OLDEST_DETECTOR_GONE: Final = "最多为您保留 {limit} 个检测器，因此最早的“{name}”已被移除。"
FORGET_ME: Final = "删除我的数据"
WORK_GONE: Final = (
    "您之前在此处的内容已不在：服务器重新启动过，或您离开太久。"
    "请重新上传您下载过的内容：检测器在“小样本”中，掩码在“标注”中。"
)
FORGOTTEN: Final = "您的图片、检测器和结果已从服务器删除。"
A_FIT: Final = "拟合"
STARTED_WITH_TITLE: Final = "本服务器的检测器"
INSPECTION_GONE: Final = "该结果已不在服务器上；请重新检测这张图片。"
