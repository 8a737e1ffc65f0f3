"""Pictures from devices, streams, files, topics and the phantom into the frame ring."""
