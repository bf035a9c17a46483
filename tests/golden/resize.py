"""Prints the golden values of tests/programs/resize_test.cpp, computed independently in whole numbers with NumPy.

Needs python3-numpy. The image comes from an integer formula that the C++ test repeats.
"""

import numpy as np

HEIGHT, WIDTH = 9, 14


def image():
    y, x, c = np.mgrid[0:HEIGHT, 0:WIDTH, 0:3]
    return (37 * x * x + 91 * y * y + 53 * x * y + 71 * c) % 256


def half(a):  # along axis 0
    taps = [-3, -9, 29, 111, 111, 29, -9, -3]
    size = (a.shape[0] + 1) // 2
    padded = np.pad(a, ((3, 5), (0, 0), (0, 0)), mode="edge")
    total = sum(t * padded[k : k + 2 * size : 2] for k, t in enumerate(taps))
    return np.clip((total + 128) // 256, 0, 255)


def double(a):  # along axis 0
    padded = np.pad(a, ((2, 2), (0, 0), (0, 0)), mode="edge")
    size = a.shape[0]
    out = np.zeros((2 * size,) + a.shape[1:], dtype=int)
    out[0::2] = sum(t * padded[k : k + size] for k, t in enumerate([-3, 29, 111, -9]))
    out[1::2] = sum(t * padded[k + 1 : k + 1 + size] for k, t in enumerate([-9, 111, 29, -3]))
    return np.clip((out + 64) // 128, 0, 255)


def both_axes(resize, a):
    return resize(resize(a).swapaxes(0, 1)).swapaxes(0, 1)


def main():
    for resize in (half, double):
        out = both_axes(resize, image())
        place = np.arange(1, out.size + 1)
        print(f"{resize.__name__}: {out.shape}, first row of red {out[0, :7, 0].tolist()}, ", end="")
        print(f"sum {out.sum()}, sum of place * value {(place * out.ravel()).sum()}")


if __name__ == "__main__":
    main()
