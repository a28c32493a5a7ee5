"""What the library says of data sets, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

_PROBLEMS: Final = {
    "{names} and {count} more": "{names} 以及另外 {count} 个",
    "Nothing says which normal pictures to train on, so one in five, always the same ones, is kept to test with.": (
        "没有说明用哪些正常图片训练，因此每五张留一张用于测试，每次留出的都相同。"
    ),
    "There are other splits of these pictures; open one to use it: {what}.": (
        "这些图片还有其他划分；如需使用，请打开其中之一：{what}。"
    ),
    "Taken out of the pictures to test with: {what}.": "已从测试图片中移除：{what}。",
    "Taken out of the pictures to train on: {what}.": "已从训练图片中移除：{what}。",
    "Passed over, for they are no pictures: {what}.": "已略过，因为不是图片：{what}。",
    "Passed over, for they do not belong to the layout: {what}.": "已略过，因为不属于该结构：{what}。",
    "Passed over, for these masks have no picture: {what}.": "已略过，因为这些掩码没有图片：{what}。",
    "No mask was found for {what}.": "没有找到这些图片的掩码：{what}。",
    "Listed, but not there: {what}.": "列出但不存在：{what}。",
    "Listed more than once, and used where they came first: {what}.": (
        "列出不止一次，以首次为准：{what}。"
    ),
    "These classes have no pictures: {what}.": "这些类别没有图片：{what}。",
    "Left out, for only normal pictures are trained on: {what}.": (
        "已略过，因为只用正常图片训练：{what}。"
    ),
    "Left out, for they have no labels: {what}.": "已略过，因为没有标签：{what}。",
    "Left out, for they are neither to train on nor to test with: {what}.": (
        "已略过，因为既不用于训练也不用于测试：{what}。"
    ),
    "There are no pictures to train on: {what}.": "没有可用于训练的图片：{what}。",
    "There are no anomalous pictures to test with: {what}.": "没有可用于测试的异常图片：{what}。",
    "There are no normal pictures to test with: {what}.": "没有可用于测试的正常图片：{what}。",
    "There is just one picture: {what}.": "只有一张图片：{what}。",
    "These pictures have one name but for its end: {what}.": "这些图片除后缀外同名：{what}。",
    "These pictures have a mask in common: {what}.": "这些图片共用一个掩码：{what}。",
    "The mask is of another size than {what}.": "掩码与图片尺寸不同：{what}。",
    "The picture or its mask cannot be read: {what}.": "无法读取图片或其掩码：{what}。",
}

_ERRORS: Final = {
    "There is no folder '{path}'; check the path.": "没有文件夹“{path}”；请检查路径。",
    "The folder '{folder}' cannot be opened; see who may read it.": (
        "无法打开文件夹“{folder}”；请检查读取权限。"
    ),
    "The layout must be one of {names}, not '{given}'.": "结构须为 {names} 之一，而不是“{given}”。",
    "'{path}' is in no layout that was looked for ({names}): it has {count} pictures and the folders {what}; see that it has 'train/good' and 'test', or 'normal' and 'defect'.": (
        "“{path}”不符合所查找的任何结构 ({names})：其中有 {count} 张图片，文件夹为 {what}；"
        "请确认其中有“train/good”和“test”，或“normal”和“defect”。"
    ),
    "'{path}' looks like a data set ({title}), but has no pictures that can be used; check that all of it was copied.": (
        "“{path}”看起来是数据集 ({title})，但没有可用的图片；请检查是否已完整复制。"
    ),
    "'{list}' names '{name}', which leads out of the data set; put all pictures into its folder, without links.": (
        "“{list}”提到的“{name}”指向数据集之外；请将所有图片放入其文件夹中，不要使用链接。"
    ),
    "'{list}' must have the columns {names} and at least one row; copy it again.": (
        "“{list}”须有列 {names} 和至少一行；请重新复制。"
    ),
    "Line {line} of '{list}' must say train or test, and normal or anomaly, not '{split}' and '{given}'.": (
        "“{list}”第 {line} 行须写 'train' 或 'test'，以及 'normal' 或 'anomaly'，"
        "而不是“{split}”和“{given}”。"
    ),
    "Line {line} of '{list}' names no object or no picture.": (
        "“{list}”第 {line} 行没有写明对象或图片。"
    ),
    "'{list}' is not as Real-IAD writes it: 'train' and 'test' must list pictures with 'anomaly_class' and 'image_path'; copy it again.": (
        "“{list}”不符合 Real-IAD 的写法：'train' 和 'test' 须列出带有 'anomaly_class' 和 "
        "'image_path' 的图片；请重新复制。"
    ),
    "A draw takes at least 1 picture, not {count}.": "至少要抽取 1 张图片，而不是 {count} 张。",
    "The data set has no class '{name}'; its classes are: {names}.": (
        "数据集中没有类别“{name}”；其类别为：{names}。"
    ),
    "{count} pictures cannot be drawn, for the class '{name}' has {there} to train on.": (
        "无法抽取 {count} 张图片，因为类别“{name}”只有 {there} 张可用于训练。"
    ),
    "{count} anomalies cannot be drawn, for the class '{name}' has {there} test pictures with a marked defect.": (
        "无法抽取 {count} 张异常图片，因为类别“{name}”只有 {there} 张标出缺陷的测试图片。"
    ),
}

DATASETS: Final = {**_PROBLEMS, **_ERRORS}
