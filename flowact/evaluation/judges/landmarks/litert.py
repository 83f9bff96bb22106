"""Networks in TensorFlow Lite's format, run by Google's LiteRT. The only module that imports it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError

Floats = NDArray[np.float32]


class Network:
    """A network with one input; it runs on one thread of the processor.

    Args:
        content: of a `.tflite` file.

    Raises UserError when LiteRT is not installed or cannot read it.
    """

    def __init__(self, content: bytes) -> None:
        interpreter = interpreter_class()
        try:
            self._runs = interpreter(model_content=content, num_threads=1)
            self._runs.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError("A network of the judge is damaged; remove its folder.") from error
        self._input = self._runs.get_input_details()[0]["index"]
        outputs = self._runs.get_output_details()
        self._outputs = {output["name"]: output["index"] for output in outputs}

    def __call__(self, values: Floats) -> dict[str, Floats]:
        """Outputs by name for one input `[...]`, without its batch axis; outputs keep theirs."""
        self._runs.set_tensor(self._input, values[None].astype(np.float32))
        self._runs.invoke()
        return {name: self._runs.get_tensor(index) for name, index in self._outputs.items()}


def interpreter_class() -> Any:
    """LiteRT's interpreter. Raises UserError when it is not installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise UserError(
            "The judge of faces and hands needs LiteRT; install FlowAct with its extra `judge`."
        ) from None
    return Interpreter
