"""What the library says of weights and settings, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

WEIGHTS: Final = {
    "it stands on '{name}', which this program does not know": ("它基于“{name}”，而本程序不认识它"),
    "The setting embed_dim and depth make a larger encoder than any that is known.": (
        "设置 embed_dim 和 depth 得出的编码器比任何已知的都大。"
    ),
    "The setting head_widths must be two numbers from 1 to {most}, got {value}.": (
        "设置 head_widths 须为 1 到 {most} 的两个数，而不是 {value}。"
    ),
    "The checkpoint does not fit: it lacks the state of '{name}'; remove it to train its model "
    "from the beginning.": ("检查点不匹配：缺少“{name}”的状态；请删除它，从头训练其模型。"),
    "The checkpoint is of a model that this run has not; remove it to train from the beginning of "
    "a model.": ("检查点属于本次运行没有的模型；请删除它，从模型的开头训练。"),
    "There are no weights of the encoder '{name}' here, and it is too large to be tried without.": (
        "此处没有编码器“{name}”的权重，而它太大，无法在没有权重时试用。"
    ),
    "{source} does not fit: it holds fewer numbers than the encoder '{name}' has.": (
        "{source} 不匹配：其中的数值少于编码器“{name}”所需。"
    ),
    "{source} is damaged: {key} holds values that are no numbers.": (
        "{source} 已损坏：{key} 含有不是数字的值。"
    ),
    "'{name}' is damaged: its thresholds are missing or are no numbers. Copy it again.": (
        "“{name}”已损坏：其阈值缺失或不是数字。请重新复制。"
    ),
    "The {name} encoder": "编码器 {name}",
    "{label}, from the file '{path}'.": "{label}，来自文件“{path}”。",
    "{label}, from the folder {folder}.": "{label}，来自文件夹 {folder}。",
    "{label} has no weights in {places} and runs as an {kind}.": (
        "{label} 在 {places} 中没有权重，以此方式运行：{kind}。"
    ),
    "{label}, from the Hub cache ({repo}).": "{label}，来自 Hub 缓存 ({repo})。",
    "{label}, downloaded from the Hugging Face Hub ({repo}).": (
        "{label}，从 Hugging Face Hub 下载 ({repo})。"
    ),
    "{name}, from the detector file.": "{name}，来自检测器文件。",
    "{name}, from the official checkpoint '{file}'.": "{name}，来自官方检查点“{file}”。",
    "The detector gives no numbers for this picture, so there is no verdict: its weights are "
    "damaged. Load or fit it again.": (
        "检测器对此图片给出的不是有效数值，因此没有判定：其权重已损坏。请重新加载或重新拟合。"
    ),
    "{name} holds weights that are no numbers, so it cannot judge anything. Copy it again, or fit "
    "the detector again.": (
        "{name} 中含有非数值的权重，无法作出任何判定。请重新复制该文件，或重新拟合检测器。"
    ),
    "This computer has too little memory for this picture; show a smaller one, or fewer tiles.": (
        "此计算机的内存不足以检测这张图片；请使用较小的图片，或减少分块。"
    ),
    "This computer has too little memory for this fit; use fewer normal pictures, or no tiles.": (
        "此计算机的内存不足以完成此次拟合；请减少正常图片，或不使用分块。"
    ),
    "The fit came to values that are no numbers, so no detector was made; use a lower learning rate, "
    "or load the encoder again.": (
        "拟合得到的不是有效数值，因此没有生成检测器；请降低学习率，或重新加载编码器。"
    ),
    "There is no weights file at '{path}'.": "“{path}”处没有权重文件。",
    "There is no weights file at '{path}'. Check the path, or leave it out to have the weights "
    "looked for.": "“{path}”处没有权重文件。请检查路径，或不指定路径以自动查找权重。",
    "'{path}' is damaged, cut short or not readable. Copy or download it again.": (
        "“{path}”已损坏、不完整或不可读。请重新复制或下载。"
    ),
    "The weights of {label} are not in {places} or the Hub cache, and could not be downloaded: "
    "{problem}. To bring them by hand, download {file} from {page} and save it as weights/{name}, "
    "or as {other} in a folder named by INPFORMER_WEIGHTS.": (
        "{label} 的权重不在 {places} 或 Hub 缓存中，也无法下载：{problem}。"
        "如需手动放置，请从 {page} 下载 {file} 并保存为 weights/{name}，"
        "或以 {other} 为名放入 INPFORMER_WEIGHTS 指定的文件夹。"
    ),
    "'{name}' is not a readable weights file: it is damaged, cut short, or a pickle with more than "
    "tensors in it, which is never opened. Copy or download it again.": (
        "“{name}”不是可读的权重文件：它已损坏、不完整，或是含有张量以外内容的 pickle（一律不打开）。"
        "请重新复制或下载。"
    ),
    "'{name}' does not hold a plain table of named tensors.": (
        "“{name}”中不是由名称和张量组成的普通表。"
    ),
    "{source} does not fit: it lacks {names}.": "{source} 不匹配：缺少 {names}。",
    "{source} does not fit: its pos_embed is {shape}, which is of another position grid than the "
    "{count} patches expected.": (
        "{source} 不匹配：其 pos_embed 为 {shape}，与应有的 {count} 个图块的位置网格不同。"
    ),
    "{source} does not fit: it {problems}.": "{source} 不匹配：{problems}。",
    "{first}; it {second}": "{first}；{second}",
    "lacks {names}": "缺少 {names}",
    "has unknown {names}": "含有未知的 {names}",
    "differs: {names}": "尺寸不同：{names}",
    "{error} It does not belong to the encoder '{name}'.": "{error}它不属于编码器“{name}”。",
    "{source} is no complete official INP-Former checkpoint: it lacks {name}. Give the .pth file "
    "that the official training code saved, with encoder and decoder in it.": (
        "{source} 不是完整的 INP-Former 官方检查点：缺少 {name}。"
        "请给出官方训练代码保存的、含有编码器和解码器的 .pth 文件。"
    ),
    "{source} has the names of an official INP-Former checkpoint but sizes that make no model; it "
    "may be damaged. Copy or download it again.": (
        "{source} 具有 INP-Former 官方检查点的名称，但其尺寸无法构成模型；文件可能已损坏。"
        "请重新复制或下载。"
    ),
    "There is no encoder called '{name}'. Choose one of: {known}.": (
        "没有名为“{name}”的编码器。请从以下选择：{known}。"
    ),
}

SETTINGS: Final = {
    "Settings for {name} must be a table of values.": "{name} 的设置须为键值表。",
    "Unknown settings for {name}: {names}.": "{name} 中有未知设置：{names}。",
    "Missing settings for {name}: {names}.": "{name} 缺少设置：{names}。",
    "The setting {name}": "设置 {name}",
    "{setting} must be a number from 0 on, got {value}.": "{setting} 须为不小于 0 的数，而不是 {value}。",
    "{setting} must be above 0, up to {high}.": "{setting} 须大于 0，且不超过 {high}。",
    "{setting} must be above 0, at most {high}, got {value}.": (
        "{setting} 须大于 0 且不超过 {high}，而不是 {value}。"
    ),
    "{setting} must be '{one}' or '{other}', got '{value}'.": (
        "{setting} 须为 '{one}' 或 '{other}'，而不是 '{value}'。"
    ),
    "{setting} must be '{one}' or '{other}'.": "{setting} 须为 '{one}' 或 '{other}'。",
    "{setting} must be one of {choices}, got '{value}'.": (
        "{setting} 须为 {choices} 之一，而不是 '{value}'。"
    ),
    "{setting} must be one of {choices}, not {value}.": "{setting} 须为 {choices} 之一，而不是 {value}。",
    "{setting} must be one of {choices}.": "{setting} 须为 {choices} 之一。",
    "{setting} must be {low} to {high}, got {value}.": "{setting} 须在 {low} 到 {high} 之间，而不是 {value}。",
    "{setting} must be two numbers of at least 1, got {value}.": (
        "{setting} 须为两个不小于 1 的数，而不是 {value}。"
    ),
    "{setting} must be two rising numbers from 0 to 2, got {value}.": (
        "{setting} 须为 0 到 2 之间递增的两个数，而不是 {value}。"
    ),
    "{setting} must be a number, got {value}.": "{setting} 须为数值，而不是 {value}。",
    "{setting} must divide the {layers} layers, got {value}.": (
        "{setting} 须能整除 {layers} 层，而不是 {value}。"
    ),
    "{setting} must be a multiple of the {groups} layer groups, at most {high}, got {value}.": (
        "{setting} 须为 {groups} 个层组的倍数，且不超过 {high}，而不是 {value}。"
    ),
    "{setting} must lie between 0 and 1, got {value}.": "{setting} 须在 0 与 1 之间，而不是 {value}。",
    "{setting} must be at least 0 and below 1.": "{setting} 须不小于 0 且小于 1。",
    "{setting} must be a table of values.": "{setting} 须为键值表。",
    "{setting} must be of type {type}, got {value}.": "{setting} 的类型须为 {type}，而不是 {value}。",
    "{setting} must be a list of whole numbers, got {value}.": (
        "{setting} 须为整数列表，而不是 {value}。"
    ),
    "{setting} must be at least 1.": "{setting} 须不小于 1。",
    "{setting} must not be negative.": "{setting} 不能为负。",
    "{setting} must be a multiple of {other}.": "{setting} 须为 {other} 的倍数。",
    "{setting} must be at least {low}, got {value}.": "{setting} 须不小于 {low}，而不是 {value}。",
    "Sizes and the token budget": "尺寸与图块上限",
    "The filter network needs patches of {size} pixels.": "滤波器网络需要 {size} 像素的图像块。",
    "The filter network has {channels} channels.": "滤波器网络有 {channels} 个通道。",
    "Filters need an even patch_size, got {value}.": (
        "滤波器要求 patch_size 为偶数，而不是 {value}。"
    ),
    "The opacity must be between 0 and 1, not {value}.": "不透明度须在 0 与 1 之间，而不是 {value}。",
    "The colour map": "配色",
    "The setting file_names must be plain names of files, without folders.": "设置 file_names 只能是不含文件夹的文件名。",
    "The setting timm_name must be a plain name of timm's.": "设置 timm_name 必须是 timm 中的普通模型名称。",
    "An encoder needs at least one block in `layers`.": "编码器的 `layers` 至少需要一个模块。",
    "Encoder layers must be 0-based, ascending and without repeats.": (
        "编码器层号须从 0 起、递增且不重复。"
    ),
    "Encoder layer {layer} does not exist: the encoder has {depth} blocks.": (
        "编码器没有第 {layer} 层：共有 {depth} 个模块。"
    ),
    "There must be at least 1 row and 1 column of tiles, got {value}.": (
        "分块至少须有 1 行 1 列，而不是 {value}。"
    ),
    "{rows}x{columns} tiles of a picture of {width} × {height} pixels would be under {side} "
    "pixels; choose fewer tiles, such as 1x1.": (
        "{width} × {height} 像素的图片按 {rows}x{columns} 分块后，每块不足 {side} 像素；"
        "请减少分块，例如 1x1。"
    ),
    "Tiles must be 'none', 'auto', or rows x columns from 1 to {high} such as '2x3', not "
    "'{text}'.": (
        "分块须为 'none'、'auto' 或 1 到 {high} 的行数x列数，如 '2x3'，而不是 '{text}'。"
    ),
}
