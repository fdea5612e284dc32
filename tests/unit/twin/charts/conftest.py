"""A model of each kind of the simulated line."""

import pytest
from twin_data import CVA, PCA, trained


@pytest.fixture(scope="session")
def models():
    """Return a model of each kind."""
    return {"pca": trained(PCA), "cva": trained(CVA)}


@pytest.fixture(params=["pca", "cva"])
def model(models, request):
    return models[request.param]
