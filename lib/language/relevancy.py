"""How well does a voxel answer a text? By way of the class names of the training (`by_names`), or directly (`lerf`)."""
import torch
from torch import Tensor

METHODS = ("names", "lerf")
TEXT_TEMPERATURE = 0.05  # of a text's cosines with the class names; 0.02 and 0.03 find nearly as much
NEGATIVES = ("object", "things", "stuff", "texture")  # LERF's, what everything is a little
LERF_TEMPERATURE = 0.1  # of the cosines, as in LERF's code


def by_names(beliefs: Tensor, query: Tensor, negatives: Tensor, names: Tensor) -> Tensor:
    """How likely a voxel is what a text means, by way of the class names the network was trained with. (M,) in 0..1.

    sum over k of P(k | voxel) P(k | text), P(k | text) being a softmax over the text's cosines with the names, of the
    ways to say one the closest. It is a share of the largest P(k | text): a voxel that certainly is what the text is
    likest to has 1. Less the same of the negative that has most, not below 0.
    Features were pulled to the names and nowhere between them; so a text is put among the names first.
    beliefs: (M, C), rows sum to 1; query: (D,), negatives: (K, D), names: (S, C, D), all unit.
    """
    texts = torch.cat([query[None], negatives])  # (1 + K, D)
    meant = (texts @ names.mT).amax(0).div(TEXT_TEMPERATURE).softmax(1)  # (1 + K, C)
    likely = beliefs @ (meant / meant.amax(1, keepdim=True)).T  # (M, 1 + K)
    if len(negatives) == 0:
        return likely[:, 0]
    return (likely[:, 0] - likely[:, 1:].amax(1)).clamp(min=0)


def lerf(features: Tensor, query: Tensor, negatives: Tensor, temperature: float = LERF_TEMPERATURE) -> Tensor:
    """How much more a feature is like the query than like the negative it is most like; 0.5: as much. (M,) in 0..1.

    min over n of exp(s/t) / (exp(s/t) + exp(n/t)), s and n cosines (LERF, Kerr et al., ICCV 2023, section 3.4).
    features: (M, D) of any norm; query: (D,) unit; negatives: (K, D) unit.
    """
    unit = torch.nn.functional.normalize(features, dim=1)
    likest = (unit @ negatives.T).amax(1)  # the ratio falls with n, so the largest n gives the minimum
    return torch.sigmoid((unit @ query - likest) / temperature)
