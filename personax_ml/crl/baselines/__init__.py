"""Other methods for the latents of images, in one protocol: `fit`, then `transform`.

Belongs here: re-implementations to compare with, small and with the same encoders, epochs and early
stopping. Does not belong here: the authors' own code, or anything that the platform uses.

All read the images of a modality side by side as channels. The baselines do so through two strided
convolutions and a dense layer, the supervised ceiling through our networks. All are trained for the
same number of passes; the epoch with the best held-out loss is kept. CausalVAE is given labels in
its published form; here they are left out.
"""

from personax_ml.crl.baselines.contrastive import MCL
from personax_ml.crl.baselines.protocol import Baseline
from personax_ml.crl.baselines.supervised import Supervised
from personax_ml.crl.baselines.variational import MMCRL, BetaVAE, CausalVAE

__all__ = ["MCL", "MMCRL", "Baseline", "BetaVAE", "CausalVAE", "Supervised"]
