"""Models: manifests, engines, pre- and post-processing."""
