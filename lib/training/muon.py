"""Muon for sparse networks: convolution kernels move along the nearest orthogonal matrix of their momentum, all other
parameters by AdamW (Jordan et al., 2024, kellerjordan.github.io/posts/muon; Liu et al., arXiv 2502.16982).

Heads, whose columns are classes, are AdamW's too, as in both: an orthogonal step moves all directions alike, and would
move the column of a class that the batch lacks as far as that of one which fills it.
"""
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adamw import adamw

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of Jordan et al.
NEWTON_SCHULZ_STEPS = 5


def orthogonal(matrices: list[Tensor]) -> list[Tensor]:
    """About U V^T of the singular value decomposition U S V^T of each matrix, by Newton-Schulz iterations.

    An iteration multiplies X, short side first, by a polynomial of X X^T, so all of them together are one small matrix:
    the long side is touched twice, not fifteen times. Matrices with the same short side go through them together.
    In float32 whatever torch is told of TF32: such rounding makes eigenvalues of X X^T that are about 0 negative, and
    the polynomials blow those up (a 24 x 16 matrix near rank 1: a singular value of 5.6 where 0.7 is right).
    """
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        return _orthogonal(matrices)
    finally:
        torch.set_float32_matmul_precision(precision)


def _orthogonal(matrices: list[Tensor]) -> list[Tensor]:
    wide = [(m if len(m) <= m.shape[1] else m.T).float() for m in matrices]  # (S, L), S the short side
    wide = [x / x.norm().clamp(min=1e-7) for x in wide]
    products = {}
    for side in {len(x) for x in wide}:
        members = [i for i, x in enumerate(wide) if len(x) == side]
        small = _polynomials(torch.stack([wide[i] @ wide[i].T for i in members]))  # (n, S, S)
        products.update(zip(members, small))
    out = [products[i] @ x for i, x in enumerate(wide)]
    return [o if len(m) <= m.shape[1] else o.T for o, m in zip(out, matrices)]


def _polynomials(gram: Tensor) -> Tensor:
    """What X is multiplied with, from X X^T. gram: (n, S, S), and so is the result."""
    a, b, c = NEWTON_SCHULZ
    identity = torch.eye(gram.shape[1], device=gram.device).expand_as(gram)
    product = identity
    for _ in range(NEWTON_SCHULZ_STEPS):
        step = torch.baddbmm(gram, gram, gram, beta=b, alpha=c) + a * identity
        product = step @ product
        gram = step @ gram @ step
    return product


class Muon(torch.optim.Optimizer):
    """A kernel (K, C_in, C_out) is one matrix (K C_in, C_out), one of size 1 (C_in, C_out) as it is; its step is scaled
    to AdamW's size, 0.2 sqrt(max side). heads: parameters that are AdamW's whatever their shape.

    Same numbers as torch.optim.Muon, which takes 2-D parameters only. Momentum 0.95, Nesterov.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, betas: tuple[float, float], weight_decay: float,
                 heads: Iterable[Tensor] = ()):
        params, heads = list(params), {id(head) for head in heads}
        kernels = [p for p in params if p.ndim in (2, 3) and id(p) not in heads]
        chosen = {id(kernel) for kernel in kernels}
        self._step_supports_amp_scaling = True  # what GradScaler asks before it leaves skipping to an optimiser
        defaults = dict(lr=lr, betas=betas, weight_decay=weight_decay, momentum=0.95, fused=True)
        groups = [{"params": kernels, "kernels": True},
                  {"params": [p for p in params if id(p) not in chosen], "kernels": False}]
        super().__init__([group for group in groups if group["params"]], defaults)

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on from `state_dict()`. Raises ValueError for one of before kernels of size 1 were orthogonalised."""
        sizes, own = ([len(group["params"]) for group in groups] for groups in
                      (state_dict["param_groups"], self.param_groups))
        if sizes != own and sum(sizes) == sum(own):
            raise ValueError("its Muon gave kernels of size 1 to AdamW and has no momentum of them, which this one "
                             "orthogonalises")
        super().load_state_dict(state_dict)

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """One step for all parameters that have a gradient.

        A GradScaler sets `grad_scale` and `found_inf` on the optimiser for this call: gradients are divided by the one,
        and nothing changes where the other is not 0.
        """
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if group["kernels"]:
                self._step_kernels(params, group)
            elif params:
                self._step_others(params, group)

    def _step_kernels(self, kernels: list[Tensor], group: dict) -> None:
        scale, skip = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        ahead = []  # (K C_in, C_out) each
        for kernel in kernels:
            state = self.state[kernel]
            if not state:
                state["momentum_buffer"] = torch.zeros_like(kernel)
            grad = kernel.grad if scale is None else kernel.grad / scale
            if skip is not None:  # an infinite gradient times 0 would still be NaN
                grad = torch.where(skip > 0, state["momentum_buffer"], grad)
            momentum = state["momentum_buffer"].lerp_(grad, 1 - group["momentum"])
            ahead.append(grad.lerp(momentum, group["momentum"]).flatten(0, -2))
        taken = 1 if skip is None else (skip == 0).float()
        for kernel, direction in zip(kernels, orthogonal(ahead)):
            step = direction.reshape(kernel.shape)
            kernel.mul_(1 - group["lr"] * group["weight_decay"] * taken)
            kernel.add_(step if skip is None else step * taken, alpha=-group["lr"] * 0.2 * max(direction.shape) ** 0.5)

    def _step_others(self, params: list[Tensor], group: dict) -> None:
        for parameter in params:
            if not self.state[parameter]:
                self.state[parameter] = {"step": torch.zeros((), device=parameter.device),
                                         "exp_avg": torch.zeros_like(parameter),
                                         "exp_avg_sq": torch.zeros_like(parameter)}
        states = [self.state[parameter] for parameter in params]
        adamw(params, [p.grad for p in params], *([s[key] for s in states] for key in ("exp_avg", "exp_avg_sq")), [],
              [s["step"] for s in states], fused=True, amsgrad=False, beta1=group["betas"][0], beta2=group["betas"][1],
              lr=group["lr"], weight_decay=group["weight_decay"], eps=1e-8, maximize=False,
              grad_scale=getattr(self, "grad_scale", None), found_inf=getattr(self, "found_inf", None))
