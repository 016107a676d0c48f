"""Images in, one vector each out: any vision model of transformers, pretrained or of a given shape with random weights."""

import logging
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from lit_embed.errors import UserError, first_line
from lit_embed.models.cpu_linear import with_fast_linear
from lit_embed.models.dropout import with_fast_dropout
from lit_embed.models.image_transform import ImageTransform
from lit_embed.models.weights import load_weights, quietly

log = logging.getLogger(__name__)


class ImageTower(nn.Module):
    """A vision model of transformers (ViT, DINOv2, ConvNeXt, ResNet, ...): (N, 3, H, W) -> (N, D).

    backbone       a folder or a Hub id; None: `architecture` with random weights
    architecture   model_type of transformers, as vit or convnext
    shape          settings of its config, under the names that its Config class has
    image_size     side of the square that every picture is brought to, for random weights

    Raises
        UserError   nothing to load, a model that reads no images, or a shape that its config refuses
    """

    def __init__(self, backbone: str | None = None, architecture: str | None = None, shape: dict[str, Any] | None = None,
                 image_size: int = 64):
        super().__init__()
        if (backbone is None) == (architecture is None):
            raise UserError("an ImageTower is loaded (backbone: FOLDER) or made (architecture: vit): name one of the two")
        self.settings = {"backbone": backbone}              # the attribute of that name is the model itself
        self.architecture, self.shape, self.image_size = architecture, shape, image_size
        if backbone is not None:
            self.backbone, self.transform = load_vision_model(backbone), ImageTransform.load(backbone)
        else:
            self.backbone = make_vision_model(architecture, {"image_size": image_size, **(shape or {})})
            self.transform = ImageTransform.square(image_size)
        freeze_mask_tokens(self.backbone)
        warn_of_batch_norm(self.backbone)
        self.width = self._width()

    def forward(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, D): what the model itself calls its pooled output, else the mean over places."""
        found = self.backbone(pixel_values=pixels)
        pooled = getattr(found, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)                                                   # a convolution's is (N, D, 1, 1)
        hidden = found.last_hidden_state                                               # (N, places, D) or (N, D, h, w)
        return hidden.mean(dim=1) if hidden.ndim == 3 else hidden.mean(dim=(2, 3))

    @torch.no_grad()
    def _width(self) -> int:
        from PIL import Image

        self.backbone.eval()
        return self(self.transform([Image.new("RGB", (8, 8))])).size(1)


def load_vision_model(backbone: str) -> PreTrainedModel:
    model, report = load_weights(AutoModel, backbone)
    if model.main_input_name != "pixel_values":
        raise UserError(f"backbone {backbone} is a {type(model).__name__}, which is no model of images alone: CLIP and SigLIP "
                        "are read by ImageTextEncoder")
    if any(key.startswith("pooler.") for key in report["missing_keys"]):               # published without: not made up
        model.pooler = None
    if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
        log.warning("%s has no weights for %s and %d more: these start at random", backbone, missing[0], len(missing) - 1)
    return model


def make_vision_model(architecture: str, shape: dict[str, Any]) -> PreTrainedModel:
    try:
        with quietly():
            model = AutoModel.from_config(AutoConfig.for_model(architecture, **shape))
    except Exception as error:                     # a config checks its settings by exceptions of several libraries
        raise UserError(f"no {architecture} of this shape can be made: {first_line(error)}") from error
    if model.main_input_name != "pixel_values":
        raise UserError(f"architecture {architecture} reads no images: name a vision model such as vit or convnext")
    return with_fast_linear(with_fast_dropout(model))


def freeze_mask_tokens(model: nn.Module) -> None:
    """What only pretraining with masks uses gets no gradient, for which DDP would wait."""
    for name, parameter in model.named_parameters():
        if name.rsplit(".", 1)[-1] == "mask_token":
            parameter.requires_grad_(False)


def warn_of_batch_norm(model: nn.Module) -> None:
    """Its averages are those of one pass of one process, so that there how a batch is run does change the gradient."""
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        log.warning("%s has batch normalisation: in several passes or processes it normalises each part by itself, which is "
                    "not the gradient of the whole batch; ConvNeXt and ViT have none", type(model).__name__)
