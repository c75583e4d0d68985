"""Architectures, one a file, each with get_network(data_shape, n_classes, z_dim, **options); shared blocks in layers.py."""
