from .data import AmazonData as AmazonData
from .data import NpzData as NpzData
from .data import PlanetoidData as PlanetoidData
from .data import SyntheticData as SyntheticData
from .data import TablesData as TablesData
from .model import GraphAttentionNet as GraphAttentionNet
from .module import NodeClassification as NodeClassification
