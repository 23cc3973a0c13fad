"""Lets a recent transformers be imported on an old PyTorch, to build modules without storage.

Nothing is computed: only the shapes of parameters are wanted. What the old torch lacks is made up
so far as imports and constructors need it. Import this before transformers.
"""
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import types

import torch
import torch.nn.init
import torch.utils._pytree
from torch import nn
from torch.overrides import TorchFunctionMode

_real_version = importlib.metadata.version
_real_find_spec = importlib.util.find_spec
_UNWANTED = ("torchvision", "torchaudio", "accelerate", "scipy", "PIL", "pandas", "sklearn")


def _version(name):
    if name.lower() == "torchvision":
        raise importlib.metadata.PackageNotFoundError(name)
    return "2.9.0" if name.lower() == "torch" else _real_version(name)


def _find_spec(name, *args):
    return None if name.split(".")[0] in _UNWANTED else _real_find_spec(name, *args)


importlib.metadata.version = _version
importlib.util.find_spec = _find_spec
torch.__version__ = "2.9.0"


class MadeUp(types.ModuleType):
    """A module that has every name."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        class Thing:
            def __init__(self, *args, **kwargs):
                pass

            def __call__(self, *args, **kwargs):
                return args[0] if args and callable(args[0]) else self

            def __class_getitem__(cls, key):
                return cls

        Thing.__name__ = name
        setattr(self, name, Thing)
        return Thing


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, roots):
        self.roots = roots

    def find_spec(self, name, path, target=None):
        if any(name == root or name.startswith(root + ".") for root in self.roots):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = MadeUp(spec.name)
        module.__path__ = []
        module.__file__ = "made up"
        return module

    def exec_module(self, module):
        pass


_REPLACED = ("torch.distributed", "torch._dynamo", "torch.fx", "torch._inductor", "torch.onnx")
for _name in list(sys.modules):
    if any(_name == root or _name.startswith(root + ".") for root in _REPLACED):
        del sys.modules[_name]
sys.meta_path.insert(0, _Finder(_REPLACED))
sys.meta_path.append(_Finder(("torch", "torchvision")))
torch.distributed = importlib.import_module("torch.distributed")
torch.distributed.is_available = lambda: False
torch.distributed.is_initialized = lambda: False
torch.fx = importlib.import_module("torch.fx")
torch._dynamo = MadeUp("torch._dynamo")


def _as_is(*args, **kwargs):
    if len(args) == 1 and callable(args[0]) and not kwargs:
        return args[0]
    return lambda f: f


def _missing(name):
    if name.startswith("__"):
        raise AttributeError(name)
    if name.startswith("float"):
        return torch.float16
    if name.startswith("uint"):
        return torch.int32
    if name in ("xpu", "mps", "npu", "mtia", "mlu", "musa", "hpu"):
        module = MadeUp("torch." + name)
        module.is_available = lambda *args: False
        return module
    return _as_is


torch.__getattr__ = _missing
torch.compile = _as_is
torch.compiler = MadeUp("torch.compiler")
torch.compiler.disable = _as_is
torch.compiler.is_compiling = lambda: False
sys.modules["torch.compiler"] = torch.compiler
torch.accelerator = MadeUp("torch.accelerator")
torch.accelerator.is_available = lambda *args, **kwargs: False
torch.accelerator.current_accelerator = lambda *args, **kwargs: torch.device("cpu")
torch.library = MadeUp("torch.library")
torch.library.custom_op = lambda *args, **kwargs: None
torch.library.register_fake = lambda *args, **kwargs: None
sys.modules["torch.library"] = torch.library
for _name in ("register_pytree_node", "tree_map_only", "_dict_flatten_with_keys",
              "_list_flatten_with_keys", "tree_flatten_with_path"):
    if not hasattr(torch.utils._pytree, _name):
        setattr(torch.utils._pytree, _name, lambda *args, **kwargs: None)


def _bare_decorator(cls):
    def make(*args, **kwargs):
        if len(args) == 1 and callable(args[0]) and not kwargs:
            return args[0]
        return cls(*args, **kwargs)

    return make


torch.no_grad = _bare_decorator(torch.no_grad)
torch.inference_mode = _bare_decorator(torch.inference_mode)
torch.enable_grad = _bare_decorator(torch.enable_grad)


class _RMSNorm(nn.Module):
    def __init__(self, shape, eps=None, elementwise_affine=True, **_):
        super().__init__()
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if elementwise_affine:
            self.weight = nn.Parameter(torch.empty(shape))


_OldLayerNorm = nn.LayerNorm


class _LayerNorm(_OldLayerNorm):
    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True, bias=True,
                 device=None, dtype=None):
        super().__init__(normalized_shape, eps, elementwise_affine)
        if elementwise_affine and not bias:
            self.bias = None


_OldEmbedding = nn.Embedding


class _Embedding(_OldEmbedding):
    def __init__(self, *args, _freeze=False, **kwargs):
        super().__init__(*args, **kwargs)


nn.Embedding = _Embedding
nn.RMSNorm = _RMSNorm
nn.LayerNorm = _LayerNorm
nn.Buffer = lambda tensor=None, persistent=True: tensor


def _weight_norm(module, name="weight", dim=0):
    weight = getattr(module, name)
    delattr(module, name)
    lengths = [n if k == dim else 1 for k, n in enumerate(weight.shape)]
    module.register_parameter(name + "_v", weight)
    module.register_parameter(name + "_g", nn.Parameter(torch.empty(lengths)))
    object.__setattr__(module, name, weight.detach())  # what initialisation looks at
    return module


nn.utils.weight_norm = _weight_norm
nn.utils.parametrizations.weight_norm = _weight_norm


def _with_duplicates(original, attribute):
    def named(self, prefix="", recurse=True, remove_duplicate=True):
        if remove_duplicate:
            yield from original(self, prefix, recurse)
            return
        modules = [(prefix, self)]
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=False)
        for path, module in modules:
            for name, tensor in getattr(module, attribute).items():
                if tensor is not None:
                    yield path + ("." if path else "") + name, tensor

    return named


nn.Module.named_parameters = _with_duplicates(nn.Module.named_parameters, "_parameters")
nn.Module.named_buffers = _with_duplicates(nn.Module.named_buffers, "_buffers")
for _name in dir(torch.nn.init):
    if _name.endswith("_") and not _name.startswith("_"):
        setattr(torch.nn.init, _name, lambda *args, **kwargs: (args or (kwargs["tensor"],))[0])


class NoStorage(TorchFunctionMode):
    """Tensors made inside have shapes and nothing else."""

    makers = {getattr(torch, name) for name in (
        "empty", "zeros", "ones", "full", "rand", "randn", "randint", "arange", "eye",
        "empty_strided", "zeros_like")}

    def __torch_function__(self, function, kinds, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function in self.makers:
            kwargs["device"] = "meta"
        return function(*args, **kwargs)


def prepare_diffusers():
    """What diffusers asks for besides, and its transformers without loading all of them."""
    name = "diffusers.models.transformers"
    if name in sys.modules:
        return
    torch.distributed.device_mesh = MadeUp("torch.distributed.device_mesh")
    sys.modules["torch.distributed.device_mesh"] = torch.distributed.device_mesh
    for dynamo in (torch._dynamo, importlib.import_module("torch._dynamo")):
        dynamo.allow_in_graph = _as_is
    torch.library.custom_op = torch.library.register_fake = lambda *args, **kwargs: _as_is
    nn.functional.scaled_dot_product_attention = _as_is
    models = importlib.import_module("diffusers.models")
    package = types.ModuleType(name)
    package.__path__ = [models.__path__[0] + "/transformers"]
    sys.modules[name] = package
