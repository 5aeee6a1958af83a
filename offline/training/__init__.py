"""How recognisers learn: networks by gradient descent, support vector machines on descriptors."""
