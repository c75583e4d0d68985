"""What the project asks of a device, whichever it is: the place that tells accelerators apart by name."""

import torch

from engine.errors import UserError

KINDS = ("cpu", "cuda", "mps", "xpu")


def choose(text, local=0):
    """The device of a --device `text`; `local`: which of several a process takes when the text does not say.

    Raises UserError for another kind of device than KINDS, and for one that is not there.
    """
    if text == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        text = found.type if found is not None and found.type in KINDS else "cpu"
    try:
        device = torch.device(text)
    except RuntimeError:
        device = None
    if device is None or device.type not in KINDS:
        raise UserError(
            f"--device: given {text}; use auto, cpu, cuda, mps or xpu, or one with a number, such as cuda:0"
        )
    if device.type == "cpu":
        return device
    number = local if device.index is None else device.index
    there = getattr(torch, device.type).device_count()
    if number >= there:
        raise UserError(
            f"--device: given {text}, this machine has {there} {device.type} devices"
            + (f" and {local + 1} processes want one each" if device.index is None and local else "")
            + "; use another, or cpu"
        )
    return torch.device(device.type, number)


def initialised():
    """The modules (torch.cuda, torch.xpu, torch.mps) of the accelerators in use; asking starts none."""
    found = [module for module in (torch.cuda, torch.xpu) if module.is_initialized()]
    return found + [torch.mps] * torch.mps.is_available()


def free_memory(device):
    """Bytes free on the device, or None where it has the host's memory or does not tell."""
    return getattr(torch, device.type).mem_get_info(device)[0] if pins(device) else None


def pins(device):
    """Whether copies to the device should come from page-locked memory, so that the host need not wait."""
    return device.type in ("cuda", "xpu")


def widest(device):
    """The dtype to add up many numbers in: float64, but float32 on MPS, which has no wider one."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64
