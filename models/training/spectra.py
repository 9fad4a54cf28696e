"""Radial power spectra of fields on a limited area, and the distance between two of them."""

from __future__ import annotations

import numpy as np

from models.training.metrics import paired_fields


def _without_plane(field: np.ndarray) -> np.ndarray:
    """Field minus its least-squares plane: (H, W) -> (H, W). Centred coordinates are orthogonal on a grid."""
    anomaly = field - field.mean()
    y, x = (np.arange(side) - (side - 1) / 2 for side in field.shape)
    slope_y = (y @ anomaly).sum() / ((y @ y) * len(x))
    slope_x = (anomaly @ x).sum() / ((x @ x) * len(y))
    return np.asarray(anomaly - slope_y * y[:, None] - slope_x * x)


def _hann(side: int) -> np.ndarray:
    """Hann window sampled at the middles of the points, sin^2(pi (i + 1/2) / side): symmetric, nowhere zero, (side,).

    Harris 1978, doi:10.1109/PROC.1978.10837. It spreads a wave over its wavenumber and one to each side, no further.
    """
    return np.asarray(np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2)


def radial_spectrum(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean power by radial wavenumber, over cases and directions: (N, H, W) -> two arrays (min(H, W) // 2,).

    P = |DFT(w (x - plane))|^2 / sum w^2, averaged over the modes that round to each wavenumber. So white noise has
    P = its variance at every wavenumber, and the mean of P over all modes is the variance (under w) of the field. A
    field of a limited area is not periodic: the least-squares plane goes, and a Hann window in each direction takes
    the edges to zero. Why trends must go: Denis et al. 2002, doi:10.1175/1520-0493(2002)130<1812:SDOTDA>2.0.CO;2.

    Wavenumbers are 1, 2, ... up to Nyquist, in cycles per *shorter* side, and a mode (p, q) of an H x W box has
    min(H, W) hypot(p / H, q / W), so that rings are circles in grid points whatever the shape of the box. Modes
    beyond Nyquist, the corners, are left out. The plane takes part of wavenumber 1, from all fields alike.
    """
    field = np.asarray(field, np.float64)
    if field.ndim != 3 or field.size == 0 or min(field.shape[1:]) < 4:
        raise ValueError(f"field must be (N, H, W) with 4 x 4 points at least, not {field.shape}")
    height, width = field.shape[1:]
    window = _hann(height)[:, None] * _hann(width)
    power = np.zeros((height, width))
    for case in field:  # one by one: complex transforms of all cases at once are many gigabytes
        power += np.abs(np.fft.fft2(window * _without_plane(case))) ** 2
    power /= len(field) * (window**2).sum()
    shorter = min(height, width)
    radius = shorter * np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    ring = np.floor(radius + 0.5).astype(np.int64).reshape(-1)
    wavenumber = np.arange(1, shorter // 2 + 1)
    mean = np.bincount(ring, power.reshape(-1))[wavenumber] / np.bincount(ring)[wavenumber]
    return wavenumber, mean


def log_spectral_distance(forecast: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square over wavenumbers of 10 log10(P_f / P_t), in dB: (N, H, W) twice -> 0 for equal spectra.

    Gray & Markel 1976, doi:10.1109/TASSP.1976.1162849, on radial spectra as in Harris et al. 2022,
    doi:10.1029/2022MS003120. Each wavenumber weighs the same, so the many fine ones dominate. Infinite if just one of
    the two has no power at some wavenumber; where neither has, nothing is wrong and that wavenumber counts as 0 dB.
    """
    forecast, truth = paired_fields(forecast, truth)
    (_, pf), (_, pt) = radial_spectrum(forecast), radial_spectrum(truth)
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = np.where((pf == 0) & (pt == 0), 0.0, 10.0 * np.log10(pf / pt))
    return float(np.sqrt(np.mean(decibels**2)))
