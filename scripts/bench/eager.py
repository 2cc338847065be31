"""Video2Roll in eager PyTorch, as one writes it from the paper: the peer of the training rows.

The names are those of the published checkpoint, so that both sides begin with the same weights.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def channels(count: int, width: float) -> int:
    return max(1, round(count * width))


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


def stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs, 1))


class FeatureTransform(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, outputs, 1, padding=1, bias=False)
        self.conv1 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AvgPool2d(kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv0(x)
        return self.pool(self.conv2(self.relu(self.bn1(self.conv1(residual)))) + residual)


class FeatureRefinement(nn.Module):
    def __init__(self, low: int, high: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(low + high, low)
        self.fc2 = nn.Linear(low, low)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        pooled = torch.cat([low.mean((2, 3)), high.mean((2, 3))], 1)
        gate = torch.sigmoid(self.fc2(self.relu(self.fc1(pooled))))
        return low * gate[:, :, None, None]


class Video2Roll(nn.Module):
    """(B,5,H,W) float in [0,1] -> (B,classes) logits; the classifier keeps columns apart."""

    def __init__(self, width: float, image_width: int, classes: int) -> None:
        super().__init__()
        c = [channels(n, width) for n in (64, 128, 256, 512)]
        maps, top = channels(128, width), channels(64, width)
        self.conv1 = nn.Conv2d(5, c[0], 11, 2, 4, bias=False)
        self.bn1 = nn.BatchNorm2d(c[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = stage(c[0], c[0], 1)
        self.layer2 = stage(c[0], c[1], 2)
        self.FTB2_1 = FeatureTransform(c[1], maps, 2, 2)
        self.FTB2_2 = FeatureTransform(maps, maps, 2, 2)
        self.FRB2 = FeatureRefinement(maps, maps)
        self.layer3 = stage(c[1], c[2], 2)
        self.FTB3 = FeatureTransform(c[2], maps, 2, 2)
        self.FRB3 = FeatureRefinement(maps, maps)
        self.layer4 = stage(c[2], c[3], 2)
        self.FTB4 = FeatureTransform(c[3], maps, 3, 1)
        self.FRB4 = FeatureRefinement(maps, top)
        self.toplayer = nn.Conv2d(c[3], top, 1)
        self.toplayer_bn = nn.BatchNorm2d(top)
        self.conv2 = nn.Conv2d(maps, maps, 1)
        self.fc = nn.Linear(maps * ((image_width + 31) // 32), classes)

    def forward(self, frames: Tensor) -> Tensor:
        stem = self.maxpool(self.relu(self.bn1(self.conv1(frames))))
        layer2 = self.layer2(self.layer1(stem))
        layer3 = self.layer3(layer2)
        layer4 = self.layer4(layer3)
        p4 = self.FTB4(layer4)
        p3 = self.FTB3(layer3)
        p2 = self.FTB2_2(self.FTB2_1(layer2))
        p4 = self.FRB4(p4, self.relu(self.toplayer_bn(self.toplayer(layer4))))
        p3 = self.FRB3(p3, p4)
        p2 = self.FRB2(p2, p3)
        weights = (p2 * p3).flatten(2).softmax(-1).view_as(p4)
        out = self.conv2(p4 * weights) + p4
        return self.fc(out.mean(2).flatten(1))


class Training:
    """One process' training of it: the same steps as the core takes."""

    def __init__(
        self,
        state: "OrderedDict[str, Tensor]",
        *,
        width: float,
        image_width: int,
        classes: int,
        lr: float,
        tuned: bool,
    ) -> None:
        """`tuned`: channels-last tensors and the fused Adam; else what one gets by default."""
        self.format = torch.channels_last if tuned else torch.contiguous_format
        self.model = Video2Roll(width, image_width, classes)
        self.model.load_state_dict(state)
        self.model.to(memory_format=self.format)
        fused = {"fused": True} if tuned else {}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr, **fused)

    def step(self, frames: Tensor, keys: Tensor) -> float:
        self.optimizer.zero_grad()
        pictures = frames.to(torch.float32, memory_format=self.format) / 255
        loss = F.binary_cross_entropy_with_logits(self.model(pictures), keys.float())
        loss.backward()
        self.optimizer.step()
        return loss.item()
