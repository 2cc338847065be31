"""Audio-visual systems that are assembled from YAML, trained and evaluated from C++ or Python."""

import torch  # first: it loads the LibTorch that the extension links

from mmi import _build_info

if torch.__version__.split("+")[0] != _build_info.torch_version.split("+")[0]:
    raise ImportError(
        f"mmi was built with torch {_build_info.torch_version}, but torch {torch.__version__} is "
        "running: build mmi again here (pip install --force-reinstall --no-deps .)"
    )

from mmi import _mmi  # noqa: E402, F401

__version__ = _build_info.version
