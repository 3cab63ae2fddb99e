"""The shared attention core. Imports torch and nothing else."""
