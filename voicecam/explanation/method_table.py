"""The nine methods by name: what each is and who it comes from. Computes nothing (methods.py does) and imports nothing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """What a method is.

    title, paper : its name, and who it comes from
    signed : below 0 means evidence against the class; where False, the method only knows more and less
    grid : "layer" (rows and columns of a layer's output) or "input" (the picture's pixels)
    heavy : left to --full: needs hundreds of passes of the network for each clip
    """

    title: str
    paper: str
    signed: bool
    grid: str
    heavy: bool


METHODS = {
    "grad-cam": Method("Grad-CAM", "Selvaraju et al. 2017", True, "layer", False),
    "grad-cam++": Method("Grad-CAM++", "Chattopadhay et al. 2018", False, "layer", False),
    "hires-cam": Method("HiRes-CAM", "Draelos and Carin 2020", True, "layer", False),
    "layer-cam": Method("Layer-CAM", "Jiang et al. 2021", False, "layer", False),
    "eigen-cam": Method("Eigen-CAM", "Muhammad and Yeasin 2020", False, "layer", False),
    "score-cam": Method("Score-CAM", "Wang et al. 2020", False, "layer", True),
    "ablation-cam": Method("Ablation-CAM", "Desai and Ramaswamy 2020", True, "layer", True),
    "integrated-gradients": Method("Integrated gradients", "Sundararajan et al. 2017", True, "input", False),
    "occlusion": Method("Occlusion", "Zeiler and Fergus 2014", True, "input", True),
}
LIGHT = tuple(name for name, method in METHODS.items() if not method.heavy)
