"""The networks that the oracle tools export and count.

One table, `specs()`: file name -> Spec(builder, input shape, free axes). The builders come from
torchvision 0.14 where it has the network; what it lacks (the DDS RegNets of pycls, the CIFAR
ResNet-110, GPT-2 without biases, recurrent networks, a U-Net, single operators) is written here.

A name without a size uses the size under which torchvision publishes its operation count. A
variant with another size is `NAME_SIZE`.
"""
import math
from dataclasses import dataclass
from typing import Callable, Tuple

import torch
import torchvision
from torch import nn
from torchvision.models import regnet as tv_regnet


@dataclass
class Spec:
    build: Callable[[], nn.Module]
    shapes: Tuple[tuple, ...]          # one shape per input
    axes: Tuple[dict, ...] = ()        # axes that --dynamic makes symbolic, one dict per input
    kind: str = "image"                # image, list (detection), index (token ids)
    fold: bool = False                 # let the exporter fold constants
    family: str = "classification"
    note: str = ""


# ------------------------------------------------------------------ networks torchvision lacks

# pycls' DDS design space: depth, w_0, w_a, w_m, group width.
DDS = {
    "regnetx_200mf": (13, 24, 36.44, 2.49, 8),
    "regnetx_600mf": (16, 48, 36.97, 2.24, 24),
    "regnetx_4.0gf": (23, 96, 38.65, 2.43, 40),
    "regnety_200mf": (13, 24, 36.44, 2.49, 8),
    "regnety_600mf": (15, 48, 32.54, 2.32, 16),
    "regnety_4.0gf": (22, 96, 31.41, 2.24, 64),
    "regnety_6.4gf": (25, 112, 33.22, 2.27, 72),
    "regnety_12gf": (19, 168, 73.36, 2.37, 112),
}


def build_dds(name):
    """pycls rounds a width to the nearest multiple, ties to even; torchvision rounds ties up."""
    depth, w_0, w_a, w_m, group = DDS[name]
    theirs = tv_regnet._make_divisible
    tv_regnet._make_divisible = lambda v, d: max(d, round(v / d) * d)
    try:
        params = tv_regnet.BlockParams.from_init_params(
            depth=depth, w_0=w_0, w_a=w_a, w_m=w_m, group_width=group,
            se_ratio=0.25 if name.startswith("regnety") else None)
        return tv_regnet.RegNet(params, norm_layer=nn.BatchNorm2d)
    finally:
        tv_regnet._make_divisible = theirs


class CifarBlock(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.a = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.a_bn = nn.BatchNorm2d(c_out)
        self.b = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.b_bn = nn.BatchNorm2d(c_out)
        self.proj = None
        if stride != 1 or c_in != c_out:
            self.proj = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
            self.proj_bn = nn.BatchNorm2d(c_out)

    def forward(self, x):
        y = self.b_bn(self.b(torch.relu(self.a_bn(self.a(x)))))
        return torch.relu(y + (x if self.proj is None else self.proj_bn(self.proj(x))))


class CifarResNet(nn.Module):
    """ResNet for 32x32 images, depth 6n+2, widths 16, 32, 64, projection shortcuts."""
    def __init__(self, depth, classes=10):
        super().__init__()
        n = (depth - 2) // 6
        self.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        widths = [16] + [w for w in (16, 32, 64) for _ in range(n)]
        self.blocks = nn.Sequential(*[
            CifarBlock(widths[i], widths[i + 1], 2 if i in (n, 2 * n) else 1)
            for i in range(3 * n)])
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        x = self.blocks(torch.relu(self.bn(self.stem(x))))
        return self.fc(x.mean((2, 3)))


class Gpt2(nn.Module):
    """GPT-2 small with a tied head; `bias` switches every bias, as nanoGPT's setting does."""
    def __init__(self, layers=12, heads=12, width=768, vocab=50257, context=1024, bias=False):
        super().__init__()
        self.heads, self.context = heads, context
        self.wte = nn.Embedding(vocab, width)
        self.wpe = nn.Embedding(context, width)
        self.register_buffer("pos", torch.arange(context))
        self.h = nn.ModuleList([Gpt2Block(width, heads, context, bias) for _ in range(layers)])
        self.ln_f = Norm(width, bias)
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        pos = self.pos[:ids.shape[1]]
        x = self.wte(ids) + self.wpe(pos)
        for block in self.h:
            x = block(x, pos)
        return self.lm_head(self.ln_f(x))


class Norm(nn.Module):
    def __init__(self, width, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return nn.functional.layer_norm(x, self.weight.shape, self.weight, self.bias)


class Gpt2Block(nn.Module):
    def __init__(self, width, heads, context, bias):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = Norm(width, bias), Norm(width, bias)
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width, bias=bias)
        self.fc = nn.Linear(width, 4 * width, bias=bias)
        self.out = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x, pos):
        b, t, w = x.shape
        q, k, v = [z.reshape(b, t, self.heads, w // self.heads).transpose(1, 2)
                   for z in self.qkv(self.ln_1(x)).split(w, 2)]
        s = q @ k.transpose(2, 3) / math.sqrt(w // self.heads)
        p = s.masked_fill(pos[:, None] < pos, float("-inf")).softmax(-1)
        x = x + self.proj((p @ v).transpose(1, 2).reshape(b, t, w))
        return x + self.out(nn.functional.gelu(self.fc(self.ln_2(x))))


class Recurrent(nn.Module):
    """nn.LSTM, nn.GRU or nn.RNN over (batch, time, feature), last step to a linear classifier."""
    def __init__(self, cell, in_size=64, hidden=128, layers=1, both=False, classes=10):
        super().__init__()
        self.rnn = cell(in_size, hidden, layers, batch_first=True, bidirectional=both)
        self.fc = nn.Linear(hidden * (2 if both else 1), classes)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


class Tagger(nn.Module):
    """Embedding, two-layer bidirectional LSTM, a label per token."""
    def __init__(self, vocab=1000, width=64, hidden=96, labels=17):
        super().__init__()
        self.emb = nn.Embedding(vocab, width)
        self.rnn = nn.LSTM(width, hidden, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden, labels)

    def forward(self, ids):
        return self.fc(self.rnn(self.emb(ids))[0])


class SmallTransformer(nn.Module):
    """torch.nn.Transformer, 2 + 2 layers; sequence first, which keeps torch's fused path out."""
    def __init__(self, width=64):
        super().__init__()
        self.t = nn.Transformer(width, 4, 2, 2, 128, 0.1)

    def forward(self, src, tgt):
        return self.t(src, tgt)


class SmallEncoder(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.t = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 4, 128, 0.1), 2)
        self.fc = nn.Linear(width, 10)

    def forward(self, src):
        return self.fc(self.t(src).mean(0))


class UNet(nn.Module):
    """Three levels, transposed convolutions up, skip connections by concatenation."""
    def __init__(self, width=16, classes=2):
        super().__init__()
        w = [width, 2 * width, 4 * width]
        self.d1, self.d2 = self.pair(3, w[0]), self.pair(w[0], w[1])
        self.mid = self.pair(w[1], w[2])
        self.u2 = nn.ConvTranspose2d(w[2], w[1], 2, 2)
        self.u1 = nn.ConvTranspose2d(w[1], w[0], 2, 2)
        self.e2, self.e1 = self.pair(w[2], w[1]), self.pair(w[1], w[0])
        self.out = nn.Conv2d(w[0], classes, 1)

    @staticmethod
    def pair(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU(),
                             nn.Conv2d(b, b, 3, 1, 1), nn.BatchNorm2d(b), nn.ReLU())

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(nn.functional.max_pool2d(a, 2))
        c = self.mid(nn.functional.max_pool2d(b, 2))
        c = self.e2(torch.cat([b, self.u2(c)], 1))
        return self.out(self.e1(torch.cat([a, self.u1(c)], 1)))


class Op(nn.Module):
    """One operator with a weight of its own, or none."""
    def __init__(self, fn, *weights):
        super().__init__()
        self.fn = fn
        self.w = nn.ParameterList([nn.Parameter(torch.empty(s)) for s in weights])

    def forward(self, *x):
        return self.fn(*x, *self.w)


def attention(q, k, v):
    return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v


# ---------------------------------------------------------------------------- torchvision

SIZES = {"inception_v3": 299, "efficientnet_b1": 240, "efficientnet_b2": 288,
         "efficientnet_b3": 300, "efficientnet_b4": 380, "efficientnet_b5": 456,
         "efficientnet_b6": 528, "efficientnet_b7": 600, "efficientnet_v2_s": 384,
         "efficientnet_v2_m": 480, "efficientnet_v2_l": 480, "swin_v2_t": 256,
         "swin_v2_s": 256, "swin_v2_b": 256}
FIXED_SIZE = ("vit_", "maxvit", "swin")   # height and width are part of the network
EXTRA_SIZES = [("vit_b_16", 384), ("vit_l_16", 512), ("vit_h_14", 518), ("regnet_y_16gf", 384),
               ("regnet_y_128gf", 384), ("efficientnet_b1", 260), ("efficientnet_b2", 260)]
IMAGE_AXES = ({0: "batch", 2: "height", 3: "width"},)
VIDEO_AXES = ({0: "batch", 2: "frames", 3: "height", 4: "width"},)
DETECT = {"fasterrcnn_resnet50_fpn": 800, "fasterrcnn_resnet50_fpn_v2": 800,
          "fasterrcnn_mobilenet_v3_large_fpn": 800, "fasterrcnn_mobilenet_v3_large_320_fpn": 320,
          "maskrcnn_resnet50_fpn": 800, "maskrcnn_resnet50_fpn_v2": 800,
          "keypointrcnn_resnet50_fpn": 800, "retinanet_resnet50_fpn": 800,
          "retinanet_resnet50_fpn_v2": 800, "fcos_resnet50_fpn": 800,
          "ssd300_vgg16": 300, "ssdlite320_mobilenet_v3_large": 320}
SEGMENT = ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet50",
           "deeplabv3_resnet101", "fcn_resnet50", "fcn_resnet101")
VIDEO = {"r3d_18": 112, "mc3_18": 112, "r2plus1d_18": 112, "s3d": 224, "mvit_v1_b": 224,
         "mvit_v2_s": 224}


class Pick(nn.Module):
    """Keeps some outputs of a network that returns a dict or a list."""
    def __init__(self, net, *keys):
        super().__init__()
        self.net, self.keys = net, keys

    def forward(self, *x):
        out = self.net(*x)
        picked = tuple(out[k] for k in self.keys)
        return picked if len(picked) > 1 else picked[0]


def segmenter(name):
    """With the auxiliary head, which torchvision's trained networks have and run."""
    kw = {"weights": None, "weights_backbone": None}
    if name.startswith("lraspp"):
        return lambda: Pick(torchvision.models.get_model(name, **kw), "out")
    return lambda: Pick(torchvision.models.get_model(name, aux_loss=True, **kw), "out", "aux")


def tv(name, **kw):
    return lambda: torchvision.models.get_model(name, weights=None, **kw)


def tv_headless_aux(name, **kw):
    return lambda: torchvision.models.get_model(
        name, weights=None, init_weights=False, **kw)


def detector(name):
    """As with trained weights, where some backbones have frozen batch norms (buffers, not
    parameters); the weights themselves are neither fetched nor loaded."""
    def make():
        api, load = torchvision.models._api.WeightsEnum, nn.Module.load_state_dict
        fetch = api.get_state_dict
        api.get_state_dict = lambda self, progress=True: {}
        nn.Module.load_state_dict = lambda self, state, strict=True: None
        try:
            return torchvision.models.get_model(name, weights="DEFAULT")
        finally:
            api.get_state_dict, nn.Module.load_state_dict = fetch, load
    return make


def quantized(name):
    """Filled before it is quantised; for the qnnpack back end, the one that Debian builds."""
    net = torchvision.models.get_model(name, weights=None, quantize=False)
    fill(net)
    torchvision.models.quantization.utils.quantize_model(net, "qnnpack")
    return net


class Slot:
    """Stands for the scores in mvit's in-place `scores[:, :, 1:, 1:] += bias`: adds a padded bias.

    The exporter turns the in-place form into a scatter with one constant index per score, which
    takes more than 16 GB for mvit_v2_s.
    """
    def __init__(self, scores):
        self.scores, self.bias = scores, None

    def __getitem__(self, _index):
        return self

    def __iadd__(self, bias):
        self.bias = bias
        return self

    def __setitem__(self, _index, _value):
        self.scores = self.scores + nn.functional.pad(self.bias, (1, 0, 1, 0))


def patch_mvit():
    mvit = torchvision.models.video.mvit
    theirs = mvit._add_rel_pos
    if theirs.__name__ != "padded":
        def padded(attn, *args):
            return theirs(Slot(attn), *args).scores
        mvit._add_rel_pos = padded


def image_axes(name):
    return ({0: "batch"},) if name.startswith(FIXED_SIZE) else IMAGE_AXES


def classification(out):
    skip = set(DETECT) | set(SEGMENT) | set(VIDEO) | {"raft_large", "raft_small"}
    for name in torchvision.models.list_models():
        if name in skip or name.startswith("quantized_"):
            continue
        size = SIZES.get(name, 224)
        make = tv_headless_aux(name) if name in ("googlenet", "inception_v3") else tv(name)
        out[name] = Spec(make, ((1, 3, size, size),), image_axes(name))
    for name, size in EXTRA_SIZES:
        kw = {"image_size": size} if name.startswith("vit") else {}
        out[f"{name}_{size}"] = Spec(tv(name, **kw), ((1, 3, size, size),), image_axes(name))
    out["resnext152_32x4d"] = Spec(
        lambda: torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [3, 8, 36, 3],
                                          groups=32, width_per_group=4),
        ((1, 3, 224, 224),), IMAGE_AXES)
    out["resnext101_32x4d"] = Spec(
        lambda: torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [3, 4, 23, 3],
                                          groups=32, width_per_group=4),
        ((1, 3, 224, 224),), IMAGE_AXES)
    for name in DDS:
        out[name] = Spec(lambda name=name: build_dds(name), ((1, 3, 224, 224),), IMAGE_AXES)
    out["cifar_resnet110"] = Spec(lambda: CifarResNet(110), ((1, 3, 32, 32),), IMAGE_AXES)


def dense_and_video(out):
    for name in SEGMENT:
        out[name] = Spec(segmenter(name), ((1, 3, 520, 520),), IMAGE_AXES, family="segmentation")
    for name, size in DETECT.items():
        out[name] = Spec(detector(name), ((3, size, size),), ({1: "height", 2: "width"},),
                         kind="list", family="detection")
    for name, size in VIDEO.items():
        axes = ({0: "batch"},) if name.startswith("mvit") else VIDEO_AXES
        out[name] = Spec(tv(name), ((1, 3, 16, size, size),), axes, family="video")
    for name in ("raft_small", "raft_large"):
        shape = (1, 3, 512, 512)
        out[name] = Spec(lambda name=name: Pick(torchvision.models.get_model(
            name, weights=None), -1), (shape, shape), IMAGE_AXES * 2, family="flow")
    for name in torchvision.models.list_models():
        if name.startswith("quantized_"):
            size = 299 if "inception" in name else 224
            out[name] = Spec(lambda name=name: quantized(name), ((1, 3, size, size),), IMAGE_AXES,
                             family="quantized")


def sequence(out):
    axes = ({0: "batch", 1: "seq"},)
    cells = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
    for cell_name, cell in cells.items():
        for suffix, layers, both in (("", 1, False), ("_2layer", 2, False), ("_bi", 1, True),
                                     ("_bi_2layer", 2, True)):
            out[cell_name + suffix] = Spec(
                lambda cell=cell, layers=layers, both=both: Recurrent(
                    cell, layers=layers, both=both), ((1, 32, 64),), axes, family="recurrent")
        out[cell_name + "_folded"] = Spec(lambda cell=cell: Recurrent(cell), ((1, 32, 64),), axes,
                                          fold=True, family="recurrent")
    out["lstm_tagger"] = Spec(Tagger, ((1, 24),), axes, kind="index", family="recurrent")
    seq = {0: "seq", 1: "batch"}
    out["transformer"] = Spec(SmallTransformer, ((20, 1, 64), (12, 1, 64)),
                              ({0: "src", 1: "batch"}, {0: "tgt", 1: "batch"}), family="attention")
    out["transformer_encoder"] = Spec(SmallEncoder, ((20, 1, 64),), (seq,), family="attention")
    out["gpt2_124m_nobias"] = Spec(Gpt2, ((1, 1024),), axes, kind="index", family="attention")


def single(out):
    conv2d, conv1d = nn.functional.conv2d, nn.functional.conv1d
    out["op_conv2d"] = Spec(lambda: Op(lambda x, w: conv2d(x, w, padding=1), (6, 3, 4, 4)),
                            ((2, 3, 6, 6),), family="operator")
    out["op_conv1d"] = Spec(lambda: Op(lambda x, w: conv1d(x, w, padding=1), (6, 3, 4)),
                            ((2, 3, 6),), family="operator")
    out["op_baddbmm"] = Spec(lambda: Op(torch.baddbmm),
                             ((3, 4, 6), (3, 4, 5), (3, 5, 6)), family="operator")
    for keys in (128, 256):
        out[f"op_attention_{keys}"] = Spec(
            lambda: Op(attention), ((4, 8, 128, 64), (4, 8, keys, 64), (4, 8, keys, 64)),
            family="operator")
    out["unet"] = Spec(UNet, ((1, 3, 64, 64),), IMAGE_AXES, family="segmentation")


def specs():
    out = {}
    single(out)
    sequence(out)
    classification(out)
    dense_and_video(out)
    return out


def make_inputs(spec, device="cpu"):
    gen = torch.Generator().manual_seed(7)
    made = []
    for shape in spec.shapes:
        if spec.kind == "index":
            t = torch.randint(0, 1000, shape, generator=gen)
        else:
            t = torch.rand(shape, generator=gen)
        made.append(t.to(device))
    return (made,) if spec.kind == "list" else tuple(made)


def quick_init():
    """Replaces torch's initialisers by nothing: values are set by `fill` and never matter."""
    for name in dir(nn.init):
        if name.endswith("_") and not name.startswith("_"):
            setattr(nn.init, name, lambda t, *a, **k: t)


def fill(net):
    """Distinct, seeded values: equal tensors would be merged by the exporter."""
    gen = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in list(net.parameters()):
            if tensor.is_floating_point():
                bound = 0.5 / math.sqrt(max(1, tensor[0].numel())) if tensor.dim() > 1 else 0.05
                tensor.uniform_(-bound, bound, generator=gen)
        for name, tensor in net.named_buffers():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5, generator=gen)
            elif tensor.is_floating_point() and tensor.dim() == 1 and name.endswith("weight"):
                tensor.uniform_(0.5, 1.5, generator=gen)    # frozen batch norm
            elif name.endswith("running_mean"):
                tensor.uniform_(-0.1, 0.1, generator=gen)


def build(spec):
    patch_mvit()
    torch.manual_seed(0)
    net = spec.build()
    if spec.family != "quantized":
        fill(net)
    net.eval()
    return net
