"""What the portal says about a batch: facts from index, documents and readings, and the plain words for them."""
