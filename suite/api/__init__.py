"""What ``import suite`` offers; ``suite/__init__.pyi`` lists the names."""
