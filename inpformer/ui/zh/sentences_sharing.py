"""What the library says of detectors on the Hub, in Chinese; see `sentences`."""

from __future__ import annotations

from typing import Final

SHARING: Final = {
    "Nothing can be had from {repo}: {problem}.": "无法从 {repo} 获取任何内容：{problem}。",
    "From the Hub cache, because {problem}.": "来自 Hub 缓存，因为{problem}。",
    "{repo} changes while it is fetched; try again in a minute.": (
        "{repo} 在获取过程中发生了变化；请一分钟后再试。"
    ),
    "'{text}' is no address on the Hub; write user/repo, or user/repo@revision.": (
        "“{text}”不是 Hub 上的地址；请写成 user/repo 或 user/repo@revision。"
    ),
    "This is no token of the Hugging Face Hub; copy it again from its page.": (
        "这不是 Hugging Face Hub 的令牌；请从其页面重新复制。"
    ),
    "Nothing was pushed to {repo}: {problem}.": "没有向 {repo} 推送任何内容：{problem}。",
    "Push to {repo} without a revision; it gets a new version.": (
        "推送到 {repo} 时请不要写版本；它会得到一个新版本。"
    ),
    "Name the licence for what is pushed as the Hub does, such as apache-2.0, or other.": (
        "请按 Hub 的写法给出所推送内容的许可，例如 apache-2.0 或 other。"
    ),
    "The text for '{name}' may have {longest} characters at most.": (
        "“{name}”的文字最多 {longest} 个字符。"
    ),
    "Figures must be numbers from 0 to 1, and {count} of them at most.": (
        "指标须为 0 到 1 的数，且最多 {count} 个。"
    ),
    "At most {count} pictures can be pushed with a detector.": "一个检测器最多可附带 {count} 张图片。",
    "{repo} holds something else already; choose another name.": (
        "{repo} 中已有其他内容；请换一个名称。"
    ),
    "The detector is at {repo}@{commit}, but could not be marked as {version}: {problem}; push "
    "again.": "检测器已在 {repo}@{commit}，但无法标记为 {version}：{problem}；请再次推送。",
    "Log in to the Hugging Face Hub first, with `hf auth login`, or give a token that may write.": (
        "请先用 `hf auth login` 登录 Hugging Face Hub，或给出有写权限的令牌。"
    ),
    "{repo} is public already, so everybody would see what is pushed; choose another name, or say "
    "that it may be public.": (
        "{repo} 已经是公开的，所有人都会看到推送的内容；请换一个名称，或说明可以公开。"
    ),
    "'{path}' is no report of inpformer evaluate; give its folder, or {file} in it.": (
        "“{path}”不是 inpformer evaluate 的报告；请给出其文件夹或其中的 {file}。"
    ),
    "'{path}' compares {count} detectors; evaluate the one to be pushed alone.": (
        "“{path}”比较了 {count} 个检测器；请单独评估要推送的那一个。"
    ),
    # What follows "can be had", "was pushed" or "could not be downloaded".
    "downloads are switched off": "下载已关闭",
    "offline mode is on (HF_HUB_OFFLINE)": "离线模式已开启 (HF_HUB_OFFLINE)",
    "the {file} of {repo} is damaged, and was thrown away": "{repo} 的 {file} 已损坏，已被丢弃",
    "the {file} of {repo} is too large": "{repo} 的 {file} 过大",
    "the detector of {repo} is of another version of this program, or damaged": (
        "{repo} 的检测器属于本程序的其他版本，或已损坏"
    ),
    "{repo} holds no detector of this program": "{repo} 中没有本程序的检测器",
    "{repo} has several safetensors files, and none is {file}": (
        "{repo} 有多个 safetensors 文件，但都不是 {file}"
    ),
    "{repo} has no {file}, and pickles such as pytorch_model.bin are refused": (
        "{repo} 没有 {file}，而 pytorch_model.bin 之类的 pickle 文件不予使用"
    ),
    "the Hub does not take its card ({line})": "Hub 不接受其模型卡 ({line})",
    "'{repo}' is no name of a repository; write user/name": (
        "“{repo}”不是仓库的名称；请写成 user/name"
    ),
    "you are not logged in to the Hub (`hf auth login`)": "您尚未登录 Hub (`hf auth login`)",
    "what answers at {host} is not the Hub, but perhaps a login page": (
        "{host} 的应答不是 Hub，可能是登录页面"
    ),
    "{repo} asks for an accepted licence and a login (`hf auth login`)": (
        "{repo} 需要接受许可并登录 (`hf auth login`)"
    ),
    "the Hub has no {repo}, or it is private": "Hub 上没有 {repo}，或它是私有的",
    "{repo} has no branch, tag or commit of this name": "{repo} 没有这个名称的分支、标签或提交",
    "the Hub does not accept the token; log in again (`hf auth login`)": (
        "Hub 不接受该令牌；请重新登录 (`hf auth login`)"
    ),
    "the token may not do this with {repo}; use one that may, and check the name": (
        "该令牌无权对 {repo} 这样做；请使用有权限的令牌，并检查名称"
    ),
    "somebody else pushed to {repo} just now; push again": "刚刚有人推送到了 {repo}；请再次推送",
    "{host} answered with error 429, too many requests; try again in some minutes": (
        "{host} 返回错误 429，请求过多；请几分钟后再试"
    ),
    "{host} answered with error {code}; try again later": "{host} 返回错误 {code}；请稍后再试",
    "{host} did not answer in time": "{host} 没有及时应答",
    "{host} did not answer within {seconds} seconds": "{host} 在 {seconds} 秒内没有应答",
    "{host} sent nothing for {seconds} seconds": "{host} 已有 {seconds} 秒没有发送数据",
    "the connection to {host} broke off": "与 {host} 的连接中断",
    "{host} cannot be reached (is there a network?)": "无法连接 {host}（网络是否可用？）",
    "there is no space left on the disk; free some of it": "磁盘空间不足；请腾出一些",
    "what came is not as long as the Hub says; try again later": (
        "收到的文件长度与 Hub 所述不符；请稍后再试"
    ),
    "the folder for downloads cannot be written to; name another one in HF_HOME": (
        "下载文件夹无法写入；请在 HF_HOME 中指定另一个"
    ),
    "the transfer failed ({kind}: {line})": "传输失败 ({kind}: {line})",
}
