from .module import TaskData as TaskData
from .source import Resolved as Resolved
from .source import Source as Source
from .source import Wheel as Wheel
