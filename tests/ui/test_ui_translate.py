"""Every sentence of the library has a Chinese counterpart; read off the source with `ast`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from inpformer.errors import ConfigError, require
from inpformer.ui.translate import Sentences
from inpformer.ui.zh.sentences import SENTENCES

PACKAGE = Path(__file__).resolve().parents[2] / "inpformer"
ERRORS = {"UserError", "ImageError", "WeightsError", "ConfigError", "FitCancelledError"}
ERRORS |= {"HubProblemError", "FoundWeights"}
# The commands and the report speak English; `errors` only passes on what `require` is given.
NOT_SHOWN = {
    "cli.py",
    "annotate_command.py",
    "bundle.py",
    "bundle_command.py",
    "dataset_command.py",
    "evaluate_command.py",
    "export_command.py",
    "retrain_command.py",
    "share_command.py",
    "settings.py",
    "train_command.py",
    "errors.py",
}
# Besides errors: what is collected to be said later.
SAID = ("problems.append", "notes.append", "findings.say")
CHINESE = Sentences(SENTENCES)


def samples_of(node: ast.expr, tree: ast.Module, depth: int = 0) -> Iterator[str]:
    """Yield what an expression can say, with `<1>`, `<2>` ... for what it fills in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        pieces, count = [], 0
        for part in node.values:
            if isinstance(part, ast.Constant):
                pieces.append(part.value)
            else:
                count += 1
                pieces.append(f"<{count}>")
        yield "".join(pieces)
    elif isinstance(node, ast.List):
        for each in node.elts:
            yield from samples_of(each, tree, depth)
    elif isinstance(node, ast.IfExp):
        yield from samples_of(node.body, tree, depth)
        yield from samples_of(node.orelse, tree, depth)
    elif depth < 3 and isinstance(node, ast.Name):
        for value in values_assigned(node.id, tree):
            yield from samples_of(value, tree, depth + 1)
    elif depth < 3 and isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name == node.func.id:
                for item in ast.walk(function):
                    if isinstance(item, ast.Return) and item.value is not None:
                        yield from samples_of(item.value, tree, depth + 1)


def values_assigned(name: str, tree: ast.Module) -> Iterator[ast.expr]:
    for item in ast.walk(tree):
        for target in item.targets if isinstance(item, ast.Assign) else ():
            if isinstance(target, ast.Tuple) and isinstance(item.value, ast.Tuple):
                for each, value in zip(target.elts, item.value.elts, strict=True):
                    if isinstance(each, ast.Name) and each.id == name:
                        yield value
            elif isinstance(target, ast.Name) and target.id == name:
                yield item.value


def library_sentences() -> dict[str, str]:
    """Every message of the library's errors and reasons, with where it is said."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "ui" in path.relative_to(PACKAGE).parts or path.name in NOT_SHOWN:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = ast.unparse(node.func).rpartition(".")[2]
                argument = None
                if name in ERRORS:
                    argument = node.args[-1]
                elif name == "DiskError":
                    argument = node.args[0]  # before the name of the file
                elif name == "require" and len(node.args) > 1:
                    argument = node.args[1]
                elif ast.unparse(node.func) in SAID:
                    argument = node.args[0]
                for sentence in samples_of(argument, tree) if argument is not None else ():
                    if not re.search(r"[a-z]{3}", sentence):
                        continue  # made of parts alone
                    said = as_required(sentence) if name == "require" else sentence
                    found[said] = f"{path.name}:{node.lineno}"
    return found


def as_required(message: str) -> str:
    with pytest.raises(ConfigError) as caught:
        require(False, message)
    return str(caught.value)


def constants_of(name: str) -> list[str]:
    """Sentences that are not errors: those assigned to or returned under a name."""
    module, _, target = name.partition(":")
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    call = ast.parse(f"{target}()").body[0].value
    return [*samples_of(call, tree), *samples_of(call.func, tree)]


def is_chinese(text: str) -> bool:
    return re.search(r"[\u4e00-\u9fff]", text) is not None


def test_the_reader_finds_the_sentences_of_the_library():
    found = library_sentences()
    assert "Add at least 1 normal picture to fit a detector." in found
    assert "The setting warmup_share must be at least 0 and below 1." in found
    assert "There is no space left to save <1>; free some space in <2>." in found
    assert "<1>, from the folder <2>." in found
    assert len(found) > 100


def test_every_error_of_the_library_has_a_chinese_counterpart():
    missing = [
        f"{place}: {sentence}"
        for sentence, place in library_sentences().items()
        if not is_chinese(CHINESE.translate(sentence))
    ]
    assert not missing, "\n".join(missing)


def test_no_part_of_a_sentence_stays_english():
    half_done = []
    for sentence in library_sentences():
        translated = re.sub(
            r"'\w+'|`.*?`|inpformer import-official.*", "", CHINESE.translate(sentence)
        )
        if re.search(r"\b(the|must|is|are|from|numbers|of|and|not|to)\b", translated):
            half_done.append(translated)
    assert not half_done, "\n".join(half_done)


def test_a_template_and_its_translation_fill_in_the_same():
    def names(template: str) -> set[str]:
        return {name for _, name, *_ in Formatter().parse(template) if name is not None}

    odd = [english for english, other in SENTENCES.items() if names(english) != names(other)]
    assert not odd, odd


def test_a_translation_keeps_everything_that_was_filled_in():
    lost = [
        sentence
        for sentence in library_sentences()
        if not set(re.findall(r"<\d+>", sentence))
        <= set(re.findall(r"<\d+>", CHINESE.translate(sentence)))
    ]
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize(
    "name",
    [
        "config.py:UNTRAINED_NOTICE",
        "config.py:TRAINING_FREE_NOTICE",
        "detector.py:ZERO_SHOT_NOTICE",
        "engine.py:low_notice",
        "prediction.py:notice",
        "left_out.py:method",
        "training/calibration_views.py:method_of",
        "hub_problems.py:in_plain_words",
        "hub_problems.py:_answer_in_words",
        "hub_problems.py:_connection_in_words",
        "hub_problems.py:_disk_in_words",
        "pixels.py:notes",
    ],
)
def test_notices_and_reasons_have_a_chinese_counterpart(name):
    sentences = constants_of(name)
    assert sentences
    assert all(is_chinese(CHINESE.translate(sentence)) for sentence in sentences), sentences


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("first of 3 frames", "共 3 帧，取第一帧"),
        ("'a to b.png' is empty (0 bytes); copy or export it again.", "'a to b.png' 是空文件"),
        ("The picture is 9 × 4 pixels; use a picture of at least 8 pixels on each side.", "该图片"),
        ("Fitted on whole pictures.", "Fitted on whole pictures."),
        (
            "fitted on whole pictures but shown 2x2 tiles: the threshold is only a rough guide",
            "2x2",
        ),
        (
            "The embedded encoder, from the folder weights/.",
            "编码器 embedded，来自文件夹 weights/。",
        ),
        ("Steps must be 1 to 5, got 9.", "Steps 须在 1 到 5 之间，而不是 9。"),
        (
            "From the Hub cache, because offline mode is on (HF_HUB_OFFLINE).",
            "来自 Hub 缓存，因为离线模式已开启 (HF_HUB_OFFLINE)。",
        ),
        ("The setting inp_count must be 1 to 64, got 65.", "设置 inp_count 须在 1 到 64 之间"),
    ],
)
def test_what_is_filled_in_stays_and_what_the_library_says_is_translated(english, chinese):
    assert chinese in CHINESE.translate(english)


def test_reasons_behind_each_other_are_all_translated():
    both = (
        "The embedded encoder, from the folder weights/. The weights of DINOv2 base are not in a/, "
        "b/ or the Hub cache, and could not be downloaded: huggingface.co cannot be reached (is "
        "there a network?). To bring them by hand, download m.safetensors from https://x/y and "
        "save it as weights/b.safetensors, or as b.safetensors in a folder named by "
        "INPFORMER_WEIGHTS."
    )
    translated = CHINESE.translate(both)
    assert "来自文件夹 weights/。DINOv2 base 的权重" in translated
    assert "无法连接 huggingface.co（网络是否可用？）" in translated


def test_an_unknown_sentence_stays_as_it_is():
    assert CHINESE.translate("Something new happened.") == "Something new happened."
