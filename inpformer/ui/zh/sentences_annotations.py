"""What the library says of annotations, retraining and drawings, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

_STORE: Final = {
    "There are 255 classes already, and a mask can hold no more.": (
        "已有 255 个类别，掩码无法容纳更多。"
    ),
    "The mask of '{name}' must be rows and columns of whole numbers from 0 to 255 (uint8), not {given} of shape {shape}.": (
        "“{name}”的掩码须为由 0 到 255 的整数（uint8）组成的行列，而不是形状为 {shape} 的 {given}。"
    ),
    "The label of '{name}' must be one of {labels}, not {given}.": (
        "“{name}”的标签须为 {labels} 之一，而不是 {given}。"
    ),
    "'{name}' is labelled normal, but something is marked in it; clear the mask or choose another label.": (
        "“{name}”被标为正常，但其中有标记；请清除掩码，或选择其他标签。"
    ),
    "'{name}' needs one source per region ({count}), each of {sources}.": (
        "“{name}”的每个区域需要一个来源（共 {count} 个），各为 {sources} 之一。"
    ),
    "A class must have a value from 1 to 255, not {value}.": "类别的值须为 1 到 255，而不是 {value}。",
    "Give each class a name of 1 to 100 characters on one line.": (
        "请给每个类别起一个 1 到 100 个字符的单行名称。"
    ),
    "The colour of a class is written #rrggbb, not '{colour}'.": (
        "类别的颜色写作 #rrggbb，而不是“{colour}”。"
    ),
    "Two classes have the value '{twice}'; change one of them.": (
        "有两个类别的值都是“{twice}”；请更改其中一个。"
    ),
    "Two classes have the name '{twice}'; change one of them.": (
        "有两个类别都名为“{twice}”；请更改其中一个。"
    ),
    "Two classes have the {what} '{twice}'; change one of them.": (
        "有两个类别的{what}都是“{twice}”；请更改其中一个。"
    ),
    "'{name}' is of another program or a newer version of this one.": (
        "“{name}”来自其他程序，或本程序的更新版本。"
    ),
    "There is no class with the value {value}.": "没有值为 {value} 的类别。",
    "The mask '{name}' is damaged; bring back a copy of it, or restore an earlier version.": (
        "掩码“{name}”已损坏；请恢复它的副本，或还原较早的版本。"
    ),
    "The mask '{name}' is missing or cannot be opened.": "掩码“{name}”不存在或无法打开。",
    "The mask {name} is {height} × {width} pixels, but its picture is {rows} × {columns}; both must have one size.": (
        "掩码 {name} 为 {height} × {width} 像素，而其图片为 {rows} × {columns}；两者尺寸须相同。"
    ),
    "The mask {name} is no PNG file; save it as PNG.": "掩码 {name} 不是 PNG 文件；请存为 PNG。",
    "The mask {name} is in colour; save it as a grey PNG with one value per class.": (
        "掩码 {name} 是彩色的；请存为每个类别一个值的灰度 PNG。"
    ),
    "The mask {name} is missing or cannot be opened.": "掩码 {name} 不存在或无法打开。",
    "The mask {name} is {width} × {height} pixels": "掩码 {name} 的尺寸为 {width} × {height} 像素",
    "The mask {name} is damaged or cut short; copy or export it again.": (
        "掩码 {name} 已损坏或不完整；请重新复制或导出。"
    ),
    "Give the picture a name of at least one visible character.": (
        "请给图片起一个至少含一个可见字符的名称。"
    ),
    "Give the picture a name.": "请给图片起一个名称。",
    "'{folder}' holds other files, but no store; choose an empty folder.": (
        "“{folder}”中有其他文件，但没有标注库；请选择空文件夹。"
    ),
    "There is no picture '{name}' in '{folder}'.": "“{folder}”中没有图片“{name}”。",
    "Another program has kept '{folder}' busy for {seconds} seconds; try again later.": (
        "另一个程序已占用“{folder}” {seconds} 秒；请稍后再试。"
    ),
    "'{name}' has regions of that class, now or in an earlier version; give them another class first.": (
        "“{name}”在当前或较早版本中有该类别的区域；请先为它们指定其他类别。"
    ),
    "'{name}' is damaged; bring back a copy of it, or move it away.": (
        "“{name}”已损坏；请恢复它的副本，或将其移走。"
    ),
    "'{folder}' is no annotation store; check the path.": "“{folder}”不是标注库；请检查路径。",
    "The mask of '{name}' is {height} × {width} pixels, but the picture is {rows} × {columns}; both must have one size.": (
        "“{name}”的掩码为 {height} × {width} 像素，而图片为 {rows} × {columns}；两者尺寸须相同。"
    ),
    "The mask of '{name}' has the value {value}, which no class has; add the class first.": (
        "“{name}”的掩码含有值 {value}，但没有该类别；请先添加类别。"
    ),
    "Version {version} of '{name}' is not kept.": "没有保留“{name}”的版本 {version}。",
    "No earlier version of '{name}' is kept.": "没有保留“{name}”的更早版本。",
}

_EXCHANGE: Final = {
    "'{name}' is no zip file that can be read (damaged, or locked by a password); pack it again.": (
        "“{name}”不是可读取的 zip 文件（已损坏，或有密码）；请重新打包。"
    ),
    "'{name}' cannot be unpacked: {reason}.": "无法解压“{name}”：{reason}。",
    "'{name}' is too large to unpack; split it into several files.": (
        "“{name}”太大，无法解压；请拆分成几个文件。"
    ),
    "'{file}' says that '{name}' is {height} × {width} pixels, but it is {rows} × {columns}; export both again.": (
        "“{file}”称“{name}”为 {height} × {width} 像素，但实际为 {rows} × {columns}；请重新导出两者。"
    ),
    "Nothing is marked in any picture of '{name}'; mark a defect first.": (
        "“{name}”的所有图片中都没有标记；请先标出缺陷。"
    ),
    "The store '{name}' has no pictures to push.": "标注库“{name}”中没有可推送的图片。",
    "The store '{name}' has no pictures to export.": "标注库“{name}”中没有可导出的图片。",
    "'{folder}' is not empty; choose a new folder.": "“{folder}”不是空的；请选择新文件夹。",
    "'{name}' is in none of the known layouts; name the format, or put normal pictures in a folder 'normal' and others in a folder 'defect'.": (
        "“{name}”不符合任何已知结构；请指明格式，或将正常图片放入文件夹“normal”，其余放入“defect”。"
    ),
    "'{name}' has no JSON file of that format; name the file to import.": (
        "“{name}”中没有该格式的 JSON 文件；请指明要导入的文件。"
    ),
    "'{name}' has several JSON files of that format; name the file to import.": (
        "“{name}”中有多个该格式的 JSON 文件；请指明要导入的文件。"
    ),
    "'{name}' has {what} of that format; name the file to import.": (
        "“{name}”含有该格式的 {what}；请指明要导入的文件。"
    ),
    "The mask of '{name}' has the value {value}, but the data set names no such class; add a line for it to {file}.": (
        "“{name}”的掩码含有值 {value}，但数据集没有列出该类别；请在 {file} 中为它添加一行。"
    ),
    "'{name}' cannot be written: {reason}.": "无法写入“{name}”：{reason}。",
    "'{name}' has no pictures.": "“{name}”中没有图片。",
    "{told} names the picture '{name}', which is not in the data set's folder; put it there once.": (
        "{told} 提到图片“{name}”，但它不在数据集的文件夹中；请在其中放入一份。"
    ),
    "{told} names the picture '{name}', which is several times in the data set's folder; put it there once.": (
        "{told} 提到图片“{name}”，它在数据集的文件夹中有多份；请只保留一份。"
    ),
    "{told} names the picture '{name}', which {what} the data set's folder; put it there once.": (
        "{told} 提到图片“{name}”，其与数据集文件夹的关系是 {what}；请在其中只放一份。"
    ),
    "'{name}' is not as {program} writes it ({reason}); export it again.": (
        "“{name}”不符合 {program} 的写法（{reason}）；请重新导出。"
    ),
    "'{name}' cannot be read as JSON; export it again.": "“{name}”无法按 JSON 读取；请重新导出。",
    "The picture '{name}' has no mask in '{folder}'; add '{stem}_mask.png' there.": (
        "图片“{name}”在“{folder}”中没有掩码；请在其中添加“{stem}_mask.png”。"
    ),
    "'{name}' cannot be read as a CSV table in UTF-8.": "“{name}”无法按 UTF-8 的 CSV 表读取。",
}

_RETRAINING: Final = {
    "Label at least 1 picture to see what changed.": "请至少标注 1 张图片，才能看到变化。",
    "The setting learning_rate must lie between 0 and 1.": "设置 learning_rate 须介于 0 和 1 之间。",
    "The setting own_views and pasted are both 0, so the corrections would not be used.": (
        "设置 own_views 和 pasted 都是 0，修正将不会被用到。"
    ),
    "Mark a defect in at least 1 picture before you retrain.": (
        "请先在至少 1 张图片中标出缺陷，再重新训练。"
    ),
    "A retraining takes at most {limit} corrected pictures, and these are {count}. Choose those that differ most.": (
        "一次重新训练最多使用 {limit} 张修正过的图片，而这里有 {count} 张。请选择差异最大的。"
    ),
    "A mask is {shape} pixels, but its picture is {rows} × {columns}; both must have one size.": (
        "某个掩码为 {shape} 像素，而其图片为 {rows} × {columns}；两者尺寸须相同。"
    ),
    "Nothing is marked in a corrected picture; mark its defect, or label it normal.": (
        "有一张修正过的图片没有标记；请标出其缺陷，或将其标为正常。"
    ),
    "A whole picture is marked as a defect; mark only what is wrong in it.": (
        "有一张图片整张都被标为缺陷；请只标出有问题的部分。"
    ),
    "There are only {count} corrections.": "只有 {count} 个修正。",
    "The threshold must be 0 to 100, not {value}.": "阈值须为 0 到 100，而不是 {value}。",
    "The smoothing must be 0 to {limit}, not {value}.": "平滑须为 0 到 {limit}，而不是 {value}。",
    "Mark a defect in at least one picture to learn from.": "请在至少一张图片中标出缺陷以供学习。",
    "Give the new version another file; the old detector stays as it is.": (
        "请给新版本另一个文件；旧检测器保持原样。"
    ),
    "Only an INP-Former++ detector has a segmentation head to retrain; fit one first.": (
        "只有 INP-Former++ 检测器有可重新训练的分割头；请先拟合一个。"
    ),
    "A zero-shot detector looks at parts it was not fitted on; fit one to these parts before you retrain it.": (
        "零样本检测器查看的是未拟合过的部件；请先为这些部件拟合一个，再重新训练。"
    ),
    "Choose at least 1 corrected picture to train with.": "请至少选择 1 张修正过的图片用于训练。",
}

_DRAWINGS: Final = {
    "The drawing is not one that the editor sends; draw it again.": "这不是编辑器发送的绘制；请重画。",
    "The drawing does not say which revision it was made on; draw it again.": (
        "绘制没有说明基于哪个版本；请重画。"
    ),
    "The drawing has no id; draw it again.": "绘制没有编号；请重画。",
    "The drawing has the class value {highest}, but there are {count} classes; add the class first.": (
        "绘制的类别值为 {highest}，但只有 {count} 个类别；请先添加类别。"
    ),
    "The mask has changed since (revision {revision}, the drawing is of {other}); load it again, and then draw.": (
        "掩码已经改变（版本 {revision}，绘制基于 {other}）；请重新载入后再画。"
    ),
    "The drawing does not say where it belongs; draw it again.": "绘制没有说明位置；请重画。",
    "The drawing's box {box} is not one; draw it again.": "绘制的框 {box} 无效；请重画。",
    "The drawing's box {box} is not inside the picture of {width} × {height} pixels; load the picture again.": (
        "绘制的框 {box} 不在 {width} × {height} 像素的图片内；请重新载入图片。"
    ),
    "The drawing comes without its pixels; draw it again.": "绘制缺少像素；请重画。",
    "The drawing is larger than its box can be; draw it again.": "绘制超出其框的大小；请重画。",
    "The drawing is damaged; draw it again.": "绘制已损坏；请重画。",
    "The drawing is not a PNG picture; draw it again.": "绘制不是 PNG 图片；请重画。",
    "The drawing is not a grey 8-bit picture of its box, {width} × {height} pixels; draw it again.": (
        "绘制不是其框（{width} × {height} 像素）的 8 位灰度图片；请重画。"
    ),
    "There must be 1 to {limit} classes; there are {count}.": (
        "类别须为 1 到 {limit} 个；现有 {count} 个。"
    ),
    "The colour of the class '{name}' must be like #d55e00.": (
        "类别“{name}”的颜色须写成 #d55e00 这样。"
    ),
}

ANNOTATIONS: Final = {**_STORE, **_EXCHANGE, **_RETRAINING, **_DRAWINGS}
