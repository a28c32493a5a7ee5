"""What the library says of evaluations, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

EVALUATION: Final = {
    "The anomaly map holds values that are no finite numbers.": "异常图中含有非有限数值。",
    "No picture whose defects are known was looked at.": "没有检测过缺陷位置已知的图片。",
    "No pixel is marked as defect.": "没有标记为缺陷的像素。",
    "Every pixel is marked as defect.": "所有像素都标记为缺陷。",
    "No class has this figure.": "没有任何类别具有该指标。",
    "The mask has {found} rows and columns where {expected} were expected; save it at the size of "
    "its picture.": "掩码的行列数为 {found}，应为 {expected}；请按图片的尺寸保存掩码。",
    "The protocol must be {known}, not {value}.": "评测协议须为 {known}，而不是 {value}。",
    "The limit of pictures must be at least 1, not {value}.": "图片数上限须不小于 1，而不是 {value}。",
    "The score of the picture is no finite number.": "图片的分数不是有限数值。",
    "The mask of '{name}' does not count: {error}": "“{name}”的掩码不计入：{error}",
    "The mask of '{name}' has {found} pixels and the picture {wanted}; the mask does not count.": (
        "“{name}”的掩码为 {found} 像素，而图片为 {wanted}；该掩码不计入。"
    ),
    "The mask of '{name}' marks nothing; it does not count.": (
        "“{name}”的掩码没有任何标记；该掩码不计入。"
    ),
    "'{name}' is left out: {error}": "“{name}”已略过：{error}",
    "At most {limit} normal and as many anomalous pictures of each class were drawn, with the seed "
    "{seed}.": "每个类别最多抽取 {limit} 张正常图片和同样多的异常图片，随机种子为 {seed}。",
    "Test pictures left out, for the detector has learnt from them: {count}.": (
        "已略过检测器学习过的测试图片：{count} 张。"
    ),
    "The folder '{folder}' has no {file}, so it is of no finished training. Give the folder of "
    "one, or a detector file.": (
        "文件夹“{folder}”中没有 {file}，因此不是已完成的训练。请给出这样的文件夹，或检测器文件。"
    ),
    "'{path}' does not say which detectors the training made; train again.": (
        "“{path}”没有说明训练得到了哪些检测器；请重新训练。"
    ),
    "Add at least 1 normal picture that a mark fits on.": "请至少添加 1 张放得下标记的正常图片。",
    "This detector has no threshold, so that it finds nothing; fit it first.": (
        "该检测器没有阈值，因此什么也检测不出；请先拟合。"
    ),
    "The search for the detection limit was stopped.": "检测极限的测定已停止。",
    "The kind of marks must be {known}, not {value}.": "标记类型须为 {known}，而不是 {value}。",
    "The {name} must be at least one number {span}, each larger than the one before.": (
        "{name} 须至少有一个数，范围 {span}，且逐个递增。"
    ),
    "A contrast must be above 0.": "对比度须大于 0。",
    "Repeats must be at least 1, got {value}.": "重复次数须不小于 1，而不是 {value}。",
    "Needed must be above 0 and up to 1, got {value}.": (
        "所需比例须大于 0 且不超过 1，而不是 {value}。"
    ),
    "The class '{name}' has no test pictures; it is left out.": (
        "类别“{name}”没有测试图片；已略过。"
    ),
    "There is no detector for the class '{name}'; it is left out.": (
        "类别“{name}”没有检测器；已略过。"
    ),
    "There is nothing to evaluate: no class has both test pictures and a detector.": (
        "没有可评测的内容：没有哪个类别既有测试图片又有检测器。"
    ),
    "The folder '{folder}' holds another evaluation, which differs in: {changed}. Choose another "
    "folder, or the same settings as before.": (
        "文件夹“{folder}”中是另一次评测，不同之处：{changed}。请另选文件夹，或使用与之前相同的设置。"
    ),
    "The state of the evaluation in '{folder}' is damaged; remove that folder to begin anew.": (
        "“{folder}”中的评测状态已损坏；请删除该文件夹后重新开始。"
    ),
    "{count} pictures of the class '{name}' are not done yet. Run the same evaluation again to go "
    "on with it.": "类别“{name}”还有 {count} 张图片未完成。请再次运行同一评测以继续。",
    "Stopped after {done} of {total} pictures.": "已在 {total} 张图片中的第 {done} 张后停止。",
}
