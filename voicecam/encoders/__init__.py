"""Speech models that others trained, as encoders: a window of sound becomes a vector or a sequence of them. Trains nothing.

The table of them is in table.py, a module an encoder family beside it. The networks that read encodings are network.heads.
"""

from voicecam.encoders.table import ENCODERS, OUTPUTS, Encoder, EncoderInfo, load_encoder, need

__all__ = ["ENCODERS", "OUTPUTS", "Encoder", "EncoderInfo", "load_encoder", "need"]
