"""What is left out of imports, to start quickly, must not be missed later."""

import subprocess
import sys

import pytest


def run(code: str) -> str:
    """Run code in a process of its own, which has imported nothing yet."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@pytest.mark.slow
def test_gradio_is_whole_but_for_the_files_for_editors():
    said = run(
        "from inpformer.ui.quick_gradio import skip_editor_files\n"
        "skip_editor_files()\n"
        "import sys\n"
        "kept = list(sys.meta_path)\n"
        "import gradio as gr\n"
        "from gradio import component_meta\n"
        "print(component_meta.create_or_modify_pyi(None, '', []))\n"
        "print(len(sys.meta_path) == len(kept) - 1)\n"
        "with gr.Blocks() as demo:\n"
        "    box = gr.Textbox()\n"
        "    box.change(lambda text: text, box, box)\n"
        "print(len(demo.fns))\n"
        "skip_editor_files()\n"
        "print(len(sys.meta_path) == len(kept) - 1)"
    )
    assert said.split() == ["None", "True", "1", "True"]


def test_looking_with_filters_imports_neither_timm_nor_torchvision():
    said = run(
        "import sys\n"
        "import numpy as np\n"
        "from inpformer.detector import AnomalyDetector\n"
        "from inpformer.late import import_late_modules\n"
        "late = ('timm', 'torchvision', 'torch._dynamo')\n"
        "detector = AnomalyDetector.load('embedded', 'cpu')\n"
        "detector.predict(np.full((64, 64, 3), 128, np.uint8))\n"
        "print([name in sys.modules for name in late])\n"
        "import_late_modules()\n"
        "print([name in sys.modules for name in late])"
    )
    assert said.splitlines() == [str([False] * 3), str([True] * 3)]
