"""Architectures, one per file: get_network(data_shape, n_classes, z_dim, **options)."""
