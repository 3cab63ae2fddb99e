"""One attention core and one trainer for graph, text, recommendation, speech and image tasks."""
