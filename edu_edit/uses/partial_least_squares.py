"""Partial least squares, as DAMA's authors use it: directions of X that go together with Y.

Wold's NIPALS for two blocks ("PLS2"), with each step's dominant direction by singular value decomposition
instead of power iteration; DAMA (Limisiewicz et al. 2023, arXiv 2310.18913) calls scikit-learn's
PLSRegression(scale=False) and keeps its x-weights. Both blocks are centred. Then, r times:

    w = the unit vector with the largest |Y^T X w|      t = X w
    X <- X - t (X^T t)^T / t^T t                        Y <- Y - t (Y^T t)^T / t^T t

Shapes: n samples, p and q numbers in X and Y, r directions.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def pls_weights(X: Float[Tensor, "n p"], Y: Float[Tensor, "n q"], r: int) -> Float[Tensor, "p r"]:
    """The r orthonormal x-weights of partial least squares, in the order found; signs are arbitrary.

    Raises ValueError for an r below 0, or when X and Y have nothing in common any more before the r-th.
    """
    if r < 0:
        raise ValueError(f"r={r}: give the number of directions, 0 or more.")
    X, Y = X.double() - X.double().mean(0), Y.double() - Y.double().mean(0)
    least = 1e-10 * X.norm() * Y.norm()
    weights = torch.zeros(X.shape[1], r, dtype=torch.float64, device=X.device)
    for j in range(r):
        U, S, _ = torch.linalg.svd(X.T @ Y, full_matrices=False)
        if not bool(S[0] > least):
            raise ValueError(
                f"r={r}: {len(X)} samples have only {j} directions of X that go with Y: take these."
            )
        weights[:, j] = U[:, 0]
        t = X @ U[:, 0]
        X = X - torch.outer(t, X.T @ t) / (t @ t)
        Y = Y - torch.outer(t, Y.T @ t) / (t @ t)
    return weights
