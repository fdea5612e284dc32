"""Records of departments: what they are by a plant's configuration, their documents, and the store that keeps them."""
