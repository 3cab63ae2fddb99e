"""What a model attended to, drawn and measured."""
