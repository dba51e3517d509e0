from . import audio as audio
from . import corpora as corpora
from . import data as data
from . import errors as errors
from . import evaluation as evaluation
from . import explanation as explanation
from . import features as features
from . import figures as figures
from . import runs as runs
from .api import Run as Run
from .api import load as load
from .api import record as record
from .api import train as train
from .prediction import Explanation as Explanation
from .prediction import Prediction as Prediction
from .voice_model import VoiceModel as VoiceModel

__version__: str
