"""Prints the golden values of tests/unit/metrics, computed independently with NumPy and scikit-image.

Needs python3-numpy and python3-skimage. The two images come from integer formulas that the C++ tests repeat.
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


if __name__ == "__main__":
    main()
