"""text_painter in Simplified Chinese."""

from __future__ import annotations

from typing import Final

PAINTER_TEXTS: Final = {
    "toolbar": "绘制掩码",
    "tools": "工具",
    "brush": "画笔",
    "eraser": "橡皮擦",
    "polygon": "多边形",
    "box": "矩形",
    "fill": "魔术填充",
    "history": "修改",
    "undo": "撤销",
    "redo": "重做",
    "clear": "清空",
    "zoom": "缩放",
    "zoomIn": "放大",
    "zoomOut": "缩小",
    "reset": "整幅图片",
    "classes": "所绘制的类别",
    "background": "背景",
    "size": "画笔大小",
    "source": "填充范围",
    "sourceColour": "颜色相近",
    "sourceMap": "异常图数值不低于此处",
    "sourceRegion": "类别相同",
    "tolerance": "容差",
    "opacity": "掩码不透明度",
    "stage": (
        "可绘制的图片。B 画笔，E 橡皮擦，P 多边形，R 矩形，F 魔术填充，1 至 9 选择类别，"
        "方括号调整画笔大小，Z 撤销，Y 重做，方向键移动，加号和减号缩放。"
    ),
    "empty": "还没有可绘制的图片。",
    "hintBrush": "用鼠标、触控笔或手指绘制；按住空格键可移动图片。",
    "hintEraser": "擦过的地方恢复为背景。",
    "hintPolygon": (
        "依次点击各顶点；按回车键、双击或点击第一个顶点即可闭合。退格键撤回一个顶点，Esc 全部取消。"
    ),
    "hintBox": "从一角拖到对角。",
    "hintFill": "点击要填充的区域；填充范围由容差决定。",
    "saved": "✓ 已保存",
    "saving": "… 正在保存",
    "proposal": "○ 预测，尚未保存",
    "late": "! 尚未保存：服务器没有响应，正在重试；请不要关闭此页面。",
    "damaged": "掩码没有完整送达；请重新打开图片。",
    "noPicture": "图片无法显示；请重新打开。",
}
