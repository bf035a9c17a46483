"""Prints the golden values of tests/unit/metrics, computed independently with NumPy and scikit-image.

Needs python3-numpy and python3-skimage. All inputs come from integer formulas that the C++ tests repeat.
"""

import numpy as np
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

HEIGHT, WIDTH = 23, 31


def image_a():
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:3]
    return ((7 * x * x + 13 * y + 3 * x * y + 29 * c) % 256).astype(np.uint8)


def image_b():
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:3]
    return np.minimum(255, image_a().astype(int) * 15 // 16 + (5 * x + 11 * y + 17 * c) % 23).astype(np.uint8)


def scored_pixels():
    """Scores in hundredths, with many ties, their labels and a mask."""
    i = np.arange(500)
    hundredths = (37 * i * i + 11 * i) % 101
    return hundredths, hundredths + (29 * i) % 90 > 100, i % 7 != 0


def precision_recall():
    hundredths, label, mask = scored_pixels()
    parts = {
        "everywhere": slice(None),
        "masked": mask,
        "first half": slice(250),
        "second half": slice(250, None),
    }
    for name, part in parts.items():
        score, positive = hundredths[part], label[part]
        thresholds = np.unique(score)[::-1]
        claimed = score[None, :] >= thresholds[:, None]
        precision = (claimed & positive).sum(1) / claimed.sum(1)
        recall = (claimed & positive).sum(1) / positive.sum()
        f = 2 * precision * recall / (precision + recall + 1e-300)
        best = f.argmax()
        print(
            f"{name}: {len(thresholds)} thresholds, precision sum {precision.sum():.10f},"
            f" recall sum {recall.sum():.10f}, F sum {f.sum():.10f}, best F {f[best]:.10f}"
            f" at {thresholds[best]} hundredths: precision {precision[best]:.10f}, recall {recall[best]:.10f}"
        )


def reliability():
    hundredths, label, mask = scored_pixels()
    score, label = hundredths[mask], label[mask]
    bins = np.maximum((score + 9) // 10 - 1, 0)  # ]0, 10], ]10, 20], ... hundredths, and 0 in the first
    error = 0.0
    for b in range(10):
        inside = bins == b
        mean, frequency = score[inside].mean() / 100, label[inside].mean()
        error += inside.mean() * abs(frequency - mean)
        if b in (0, 6):
            print(f"bin {b}: mean score {mean:.10f}, frequency {frequency:.10f}, count {inside.sum()}")
    print(f"expected calibration error {error:.10f}")


def sample_summary():
    sample, element = np.mgrid[0:40, 0:6]
    values = (53 * sample * sample + 31 * element * sample + 17 * element) % 256
    print("means", np.array2string(values.mean(0), precision=10))
    print("standard deviations", np.array2string(values.std(0), precision=10))
    for q in (0.0, 0.1, 0.5, 0.9, 1.0):
        print(f"quantile {q}", np.quantile(values, q, axis=0, method="inverted_cdf"))
    print("above 127 in at least 0.475", (values > 127).mean(0) >= 0.475)


def main():
    for shave in (0, 2):
        cut = slice(shave, -shave or None)
        a, b = image_a()[cut, cut], image_b()[cut, cut]
        ya, yb = rgb2ycbcr(a)[..., 0], rgb2ycbcr(b)[..., 0]
        ssim = structural_similarity(
            ya, yb, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        print(f"shave {shave}: psnr_y {peak_signal_noise_ratio(ya, yb, data_range=255):.10f}")
        print(f"shave {shave}: psnr_rgb {peak_signal_noise_ratio(a, b, data_range=255):.10f}")
        print(f"shave {shave}: ssim_y {ssim:.10f}")
    print(f"luma sum of a: {rgb2ycbcr(image_a())[..., 0].sum():.8f}")
    precision_recall()
    reliability()
    sample_summary()


if __name__ == "__main__":
    main()
