"""What the library says of training on data sets, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

TRAINING: Final = {
    "The training was stopped.": "训练已停止。",
    "The training was stopped before its first step.": "训练在第一步之前已停止。",
    "The training was stopped after step {step}.": "训练在第 {step} 步之后停止。",
    "{setting} must be above 0, got {value}.": "{setting} 须大于 0，而不是 {value}。",
    "Anomalies teach the segmentation head, so they need variant '{variant}' and head_epochs of at "
    "least 1.": "异常样本用于训练分割头，因此 variant 须为 '{variant}'，head_epochs 须至少为 1。",
    "The setting hold_out must be 0 with few shots, which are all needed to train on.": (
        "小样本训练需要用到全部图片，因此设置 hold_out 须为 0。"
    ),
    "The setting '{name}' trains on one data set; give one folder, or take the setting 'super' for "
    "several.": "设置 '{name}' 只用一个数据集训练；请只给一个文件夹，或改用 'super' 以使用多个。",
    "There are no pictures in '{path}'.": "“{path}”中没有图片。",
    "There is no class '{name}' in the data; there are: {names}.": (
        "数据中没有类别“{name}”；现有：{names}。"
    ),
    "The class '{name}' has no picture to train on that can be read; leave it out, or bring some.": (
        "类别“{name}”没有可读取的训练图片；请略去该类别，或补充图片。"
    ),
    "The class '{name}' has one picture, which cannot be trained on and held out as well; take "
    "hold_out 0.": "类别“{name}”只有一张图片，不能既训练又留出；请将 hold_out 设为 0。",
    "'{name}' is {width} × {height} pixels, but its picture is {columns} × {rows}; both must have one "
    "size.": "“{name}”的尺寸为 {width} × {height} 像素，而其图片为 {columns} × {rows}；两者尺寸须一致。",
    "The tokens of all pictures need {needed} GB, more than the {limit} GB of cache_bytes; raise it, "
    "or take cache 'auto'.": (
        "全部图片的 token 需要 {needed} GB，超过 cache_bytes 的 {limit} GB；"
        "请调高该值，或将 cache 设为 'auto'。"
    ),
    "The losses are no finite numbers any more at step {step}; train with a lower learning_rate, or "
    "with mixed_precision 'no'.": (
        "第 {step} 步的损失已不是有限数值；请降低 learning_rate，或将 mixed_precision 设为 'no'。"
    ),
    "fp16 needs a GPU; use mixed_precision 'no' or 'bf16' on a CPU.": (
        "fp16 需要 GPU；在 CPU 上请将 mixed_precision 设为 'no' 或 'bf16'。"
    ),
    "Training with mixed_precision '{name}' cannot begin here: {problem}": (
        "无法在此以 mixed_precision '{name}' 开始训练：{problem}"
    ),
    "'{path}' holds a run already; add --resume to go on with it, or choose another folder.": (
        "“{path}”中已有一次训练；请加上 --resume 以继续，或选择另一个文件夹。"
    ),
    "The run in '{path}' cannot go on: {problem}. Give it what it was started with, or choose "
    "another folder.": "“{path}”中的训练无法继续：{problem}。请使用开始时的设置，或选择另一个文件夹。",
    "its {name} is {before}, and now {after}": "原来的 {name} 是 {before}，现在是 {after}",
    "it was started with {what}": "开始时使用的是{what}",
    "another encoder": "另一个编码器",
    "other classes": "其他类别",
    "other pictures": "其他图片",
    "other textures": "其他纹理",
    "'{path}' is damaged, or of another version of this program; choose another folder.": (
        "“{path}”已损坏，或属于本程序的其他版本；请选择另一个文件夹。"
    ),
    "The checkpoint '{path}' is damaged, or of another version of this program; remove it to train "
    "the model that it belongs to from its beginning.": (
        "检查点“{path}”已损坏，或属于本程序的其他版本；请将其删除，以从头训练对应的模型。"
    ),
    "'{path}' cannot be removed: {reason}.": "无法删除“{path}”：{reason}。",
    "normal pictures that were held out of the training": "训练时留出的正常图片",
    "slightly changed pictures of the training; new pictures may score higher": (
        "稍加改动的训练图片；新图片的分数可能更高"
    ),
}
