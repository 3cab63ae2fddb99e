"""Pictures of attention weights: text, grids, images, spectrograms, graphs; and curves of classifiers."""
