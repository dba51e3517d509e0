"""An ONNX network on onnxruntime's CPU, as everything here runs one. Knows no network."""

from typing import Any


def onnx_session(network: str | bytes, *, threads: int = 1) -> Any:
    """onnxruntime's InferenceSession of a file's path or of its bytes, which says errors alone.

    threads : of one run; one by default, as sounds are worked on side by side and short ones are not worth sharing
    """
    import onnxruntime  # here: importing it takes a third of a second

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.inter_op_num_threads, options.intra_op_num_threads = 1, threads
    return onnxruntime.InferenceSession(network, sess_options=options, providers=["CPUExecutionProvider"])
