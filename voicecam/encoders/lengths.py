"""How much of a padded window sounds, and speech repeated over the rest of it. Knows no encoder."""

import torch


def sounding(samples: torch.Tensor) -> torch.Tensor:
    """int64 (clip,): samples up to the last that is not 0, of float (clip, n); zeros behind are padding. Where all are 0, n."""
    n = samples.shape[1]
    places = torch.arange(1, n + 1, device=samples.device)
    lengths = (places * (samples != 0)).amax(dim=1)
    return torch.where(lengths > 0, lengths, torch.full_like(lengths, n))


def repeated(samples: torch.Tensor, least: int) -> torch.Tensor:
    """float (clip, max(n, least)): what sounds, over and over, in place of the padding of float (clip, n)."""
    places = torch.arange(max(samples.shape[1], least), device=samples.device)
    return samples.gather(1, places % sounding(samples)[:, None])
