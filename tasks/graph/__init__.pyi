from .data import AmazonData as AmazonData
from .data import NpzGraphData as NpzGraphData
from .data import PlanetoidData as PlanetoidData
from .data import SyntheticGraphData as SyntheticGraphData
from .data import TablesGraphData as TablesGraphData
from .model import GraphAttentionNet as GraphAttentionNet
from .module import NodeClassification as NodeClassification
from .predict import NodePredictor as NodePredictor
