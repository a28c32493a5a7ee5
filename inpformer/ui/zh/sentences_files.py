"""What the library says of files, uploads and shots, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

FILES: Final = {
    "A detector file must end in .safetensors, and '{name}' does not.": (
        "检测器文件须以 .safetensors 结尾，而“{name}”不是。"
    ),
    "'{path}' is a folder; give the name of a file to save the detector in.": (
        "“{path}”是文件夹；请给出保存检测器的文件名。"
    ),
    "The folder '{folder}' cannot be made; choose another one.": (
        "无法创建文件夹“{folder}”；请另选一个。"
    ),
    "Nothing can be written to '{folder}'; choose another folder, or free some space.": (
        "无法写入“{folder}”；请另选文件夹，或腾出空间。"
    ),
    "There is no space left to save {name}; free some space in {folder}.": (
        "没有空间保存 {name}；请在 {folder} 中腾出空间。"
    ),
    "{name} may not be written in {folder}; choose another folder.": (
        "没有权限在 {folder} 中写入 {name}；请另选文件夹。"
    ),
    "There is a folder called {name} in {folder}; choose another name.": (
        "{folder} 中已有名为 {name} 的文件夹；请换一个名字。"
    ),
    "There is no folder {folder} to save {name} in.": "没有用来保存 {name} 的文件夹 {folder}。",
    "{name} could not be saved in {folder}: {reason}.": "{name} 无法保存到 {folder}：{reason}。",
    "There is no folder for temporary files to make {name} in; free some space, or name a folder in "
    "TMPDIR.": "没有可用于生成 {name} 的临时文件夹；请腾出空间，或用 TMPDIR 指定一个文件夹。",
    "'{root}' is not in the layout of MVTec AD: it has no folder {folder}.": (
        "“{root}”不符合 MVTec AD 的目录结构：缺少文件夹 {folder}。"
    ),
    "These pictures of defects have no mask in '{folder}': {names}.": (
        "以下缺陷图片在“{folder}”中没有掩码：{names}。"
    ),
    "There are no pictures to measure on.": "没有可供评测的图片。",
    "Some scores of the {what} are no finite numbers.": "{what}的部分分数不是有限数值。",
    "There are no {kind} {what}; these figures need normal and anomalous ones.": (
        "没有{kind}{what}；这些指标需要正常和异常两类。"
    ),
    "normal": "正常",
    "anomalous": "异常",
    "pictures": "图片",
    "pixels": "像素",
}

UPLOADS: Final = {
    "'{name}' is no longer on the server; add it again.": "“{name}”已不在服务器上；请重新添加。",
    "'{name}' cannot be opened; add it again.": "“{name}”无法打开；请重新添加。",
    "'{name}' is above the limit of {limit} MB.": "“{name}”超过 {limit} MB 的上限。",
    "'{name}' is damaged or no zip file; make it again.": (
        "“{name}”已损坏或不是 zip 文件；请重新制作。"
    ),
    "'{name}' is damaged; make the zip again.": "“{name}”已损坏；请重新制作 zip。",
    "'{name}' in {zip} cannot be unpacked; make the zip again in the ordinary way, without a "
    "password.": "{zip} 中的“{name}”无法解压；请以普通方式重新制作不带密码的 zip。",
    "'{name}' in {zip} {problem}.": "{zip} 中的“{name}”{problem}。",
    "is a zip inside a zip; unpack it first": "是 zip 中的 zip；请先解压",
    "has a path that leads out of the zip, and was left out": "的路径指向 zip 之外，已略过",
    "is a link to another file, and was left out": "是指向其他文件的链接，已略过",
    "is locked by a password; make a zip without one": "有密码保护；请制作不带密码的 zip",
    "is above the limit of {limit} MB; shrink or crop it first": (
        "超过 {limit} MB 的上限；请先缩小或裁剪"
    ),
    "is packed more than {ratio} times smaller, which no photo is; left out": (
        "的压缩率超过 {ratio} 倍，照片不会如此；已略过"
    ),
    "'{name}' holds no pictures; put some in it ({kinds}).": (
        "“{name}”中没有图片；请放入图片 ({kinds})。"
    ),
    "These are {count} pictures; the first {limit} are inspected. Inspect the others after them.": (
        "共有 {count} 张图片；先检测前 {limit} 张。其余的请随后再检测。"
    ),
    "'{name}' was left out: pictures of one go may hold {limit} MB together. Inspect it in a "
    "second go.": "“{name}”已略过：一次检测的图片总共不得超过 {limit} MB。请分第二次检测。",
}

SHOTS: Final = {
    "The threshold must be at least 0, not {value}.": "阈值须不小于 0，而不是 {value}。",
    "The minimum area must be 0 to 1, not {value}.": "最小面积须在 0 到 1 之间，而不是 {value}。",
    "Choose 1 to {limit} normal pictures; these are {count}.": (
        "请选择 1 到 {limit} 张正常图片；现有 {count} 张。"
    ),
    "Choose at least one number of shots, from 1 on.": "请至少选择一个样本数，从 1 起。",
    "Seed must not be negative, got {value}.": "随机种子不能为负，而不是 {value}。",
    "Add at least 2 different normal pictures for the lab to draw from.": (
        "请至少添加 2 张不同的正常图片供实验抽取。"
    ),
    "Add 1 to {limit} test pictures; these are {count}.": (
        "请添加 1 到 {limit} 张测试图片；现有 {count} 张。"
    ),
    "There are {count} different normal pictures; choose a number of shots up to that.": (
        "共有 {count} 张不同的正常图片；样本数请不要超过它。"
    ),
    "The shot lab was cancelled; nothing was changed.": "样本实验已取消；一切保持原样。",
}
