"""The models that come with the package: a package itself, so that colcon and pip install what is in it."""
