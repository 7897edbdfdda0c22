"""The registered model, as MLflow loads it: code from this file, weights from safetensors.

Belongs here: the few lines between MLflow's interface and the estimator. MLflow executes a copy of
this file; nothing is unpickled. The program itself never imports it.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd  # type: ignore[import-untyped]
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from personax_assets.analysis.measurements import measured_frame
from personax_ml.crl import MultimodalCRL


class LatentsModel(PythonModel):
    """From measurements to latents.

    The input has one column per measurement (`face_1`, `text_chatgpt`, ...), each cell a list of
    floats or null; the output has one column per latent.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read configuration and weights."""
        self.estimator = MultimodalCRL.load(Path(context.artifacts["model"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """Return the latents, row by row; NaN where a person lacks the whole modality."""
        measurements = measured_frame(model_input, self.estimator.widths)
        latents = self.estimator.transform(measurements).astype("float64")
        names = list(self.estimator.latent_names)
        return pd.DataFrame(latents, columns=names, index=model_input.index)


mlflow.models.set_model(LatentsModel())
