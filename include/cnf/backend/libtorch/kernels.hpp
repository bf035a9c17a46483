// The kernels of the LibTorch backend. What each computes is defined by the layer or function that calls it, in ATen's
// operations; tests compare the two.
//
// Layout: the flow's state is (N, C, pixels), contiguous; what networks take and return is channels-last. Sums are
// in double.
#pragma once

#include "cnf/backend/libtorch/kernel.hpp"

// clang-format off
namespace cnf::libtorch::kernels {

/// A coupling: y0 = exp(log_s) z0 + t, y1 = z1, log_s = bound tanh(r / bound); with `affine` 0, y0 = z0 + t. raw:
/// [r, t], or [t]. `chunks` blocks a sample, each with its part of sum log_s. shared: one double a thread.
CNF_KERNEL(couple, (const Real* z, const Net* raw, Real* y, Real* log_det, int channels, int changed, long long area,
                    int affine, double bound, int chunks),
  const long long sample = block / chunks, chunk = block % chunks;
  const long long size = area * channels;
  const int outputs = affine ? 2 * changed : changed;
  const long long end = size * (chunk + 1) / chunks;
  double sum = 0;
  for (long long i = size * chunk / chunks + thread; i < end; i += threads) {
    const long long c = i / area, at = sample * size + i;
    if (c >= changed) {
      y[at] = z[at];
    } else {
      const Net* said = raw + (sample * area + i % area) * outputs + c;
      if (affine) {
        const Real log_s = Real(bound) * tanh(Real(said[0]) / Real(bound));
        y[at] = exp(log_s) * z[at] + Real(said[changed]);
        sum += double(log_s);
      } else {
        y[at] = z[at] + Real(said[0]);
      }
    }
  }
  if (affine) {
    shared[thread] = sum;
    sync();
    for (int half = threads / 2; half > 0; half /= 2) {
      if (thread < half) shared[thread] += shared[thread + half];
      sync();
    }
    if (thread == 0) log_det[block] = Real(shared[0]);
  }
);

/// Its inverse: z0 = (y0 - t) exp(-log_s).
CNF_KERNEL(uncouple, (const Real* y, const Net* raw, Real* z, int channels, int changed, long long area, int affine,
                      double bound, long long count),
  const long long size = area * channels;
  const int outputs = affine ? 2 * changed : changed;
  for (long long at = block * threads + thread; at < count; at += blocks * threads) {
    const long long sample = at / size, i = at % size, c = i / area;
    if (c >= changed) {
      z[at] = y[at];
    } else {
      const Net* said = raw + (sample * area + i % area) * outputs + c;
      if (affine)
        z[at] = (y[at] - Real(said[changed])) * exp(-Real(bound) * tanh(Real(said[0]) / Real(bound)));
      else
        z[at] = y[at] - Real(said[0]);
    }
  }
);

/// Gradients of `couple` from those of y and of log_det, which has `stride` numbers between samples.
CNF_KERNEL(couple_backward, (const Real* z, const Net* raw, const Real* of_y, const Real* of_log_det, long long stride,
                             Real* of_z, Net* of_raw, int channels, int changed, long long area, int affine,
                             double bound, long long count),
  const long long size = area * channels;
  const int outputs = affine ? 2 * changed : changed;
  for (long long at = block * threads + thread; at < count; at += blocks * threads) {
    const long long sample = at / size, i = at % size, c = i / area;
    const Real g = of_y[at];
    if (c >= changed) {
      of_z[at] = g;
    } else {
      const long long said = (sample * area + i % area) * outputs + c;
      if (affine) {
        const Real bent = tanh(Real(raw[said]) / Real(bound));
        const Real s = exp(Real(bound) * bent);
        of_z[at] = g * s;
        of_raw[said] = to_net((g * s * z[at] + of_log_det[sample * stride]) * (1 - bent * bent));
        of_raw[said + changed] = to_net(g);
      } else {
        of_z[at] = g;
        of_raw[said] = to_net(g);
      }
    }
  }
);

/// sum = whole + part, which is that of channels first .. first + some - 1, channels-last.
CNF_KERNEL(add_part, (const Real* whole, const Real* part, Real* sum, int channels, int first, int some, long long area,
                      long long count),
  const long long size = area * channels;
  for (long long at = block * threads + thread; at < count; at += blocks * threads) {
    const long long sample = at / size, i = at % size, c = i / area - first;
    sum[at] = whole[at] + (c >= 0 && c < some ? part[(sample * area + i % area) * some + c] : Real(0));
  }
);

/// A split or prior: the first `kept` channels stay, of the rest e = (z - mu) exp(-log_sigma), log_sigma = bound tanh(r / bound).
/// raw: [mu, r]. `chunks` blocks a sample, each with its part of -sum log_sigma. shared: one double a thread.
CNF_KERNEL(whiten, (const Real* z, const Net* raw, Real* stays, Real* e, Real* log_det, int channels, int kept,
                    long long area, double bound, int chunks),
  const long long sample = block / chunks, chunk = block % chunks;
  const long long size = area * channels;
  const int count = channels - kept;
  const long long end = size * (chunk + 1) / chunks;
  double sum = 0;
  for (long long i = size * chunk / chunks + thread; i < end; i += threads) {
    const long long c = i / area;
    const Real value = z[sample * size + i];
    if (c < kept) {
      stays[sample * kept * area + i] = value;
    } else {
      const Net* said = raw + (sample * area + i % area) * (2 * count) + (c - kept);
      const Real log_sigma = Real(bound) * tanh(Real(said[count]) / Real(bound));
      e[sample * count * area + i - kept * area] = (value - Real(said[0])) * exp(-log_sigma);
      sum -= double(log_sigma);
    }
  }
  shared[thread] = sum;
  sync();
  for (int half = threads / 2; half > 0; half /= 2) {
    if (thread < half) shared[thread] += shared[thread + half];
    sync();
  }
  if (thread == 0) log_det[block] = Real(shared[0]);
);

/// Gradients of `whiten` from those of what stays, e and log_det, which has `stride` numbers between samples.
CNF_KERNEL(whiten_backward, (const Real* z, const Net* raw, const Real* of_stays, const Real* of_e, const Real* of_log_det,
                             long long stride, Real* of_z, Net* of_raw, int channels, int kept, long long area,
                             double bound, long long total),
  const long long size = area * channels;
  const int count = channels - kept;
  for (long long at = block * threads + thread; at < total; at += blocks * threads) {
    const long long sample = at / size, i = at % size, c = i / area;
    if (c < kept) {
      of_z[at] = of_stays[sample * kept * area + i];
    } else {
      const long long said = (sample * area + i % area) * (2 * count) + (c - kept);
      const Real bent = tanh(Real(raw[said + count]) / Real(bound));
      const Real g = of_e[sample * count * area + i - kept * area] * exp(-Real(bound) * bent);
      of_z[at] = g;
      of_raw[said] = to_net(-g);
      of_raw[said + count] =
          to_net(-(g * (z[at] - Real(raw[said])) + of_log_det[sample * stride]) * (1 - bent * bent));
    }
  }
);

/// The inverse of `whiten`.
CNF_KERNEL(colour, (const Real* stays, const Real* e, const Net* raw, Real* z, int channels, int kept, long long area,
                    double bound, long long total),
  const long long size = area * channels;
  const int count = channels - kept;
  for (long long at = block * threads + thread; at < total; at += blocks * threads) {
    const long long sample = at / size, i = at % size, c = i / area;
    if (c < kept) {
      z[at] = stays[sample * kept * area + i];
    } else {
      const Net* said = raw + (sample * area + i % area) * (2 * count) + (c - kept);
      const Real log_sigma = Real(bound) * tanh(Real(said[count]) / Real(bound));
      z[at] = e[sample * count * area + i - kept * area] * exp(log_sigma) + Real(said[0]);
    }
  }
);

/// Of a matrix w (n, n): its inverse by Gauss and Jordan with partial pivoting, and log|det w|, -infinity and not finite
/// where w is singular. With log_scale s and bias b also ActNorm before w, as one: folded = w diag(exp s), offset = folded b,
/// and log_det = area (log|det w| + sum s); with `direction` -1 its inverse, folded = diag(exp -s) w^-1, offset = -b. One
/// block; shared: n * n + 2 n + 2.
CNF_KERNEL(invert, (const Real* w, const Real* log_scale, const Real* bias, double area, int direction, Real* inverse,
                    Real* log_det, Real* folded, Real* offset, int n),
  double* a = shared;
  double* swapped = a + n * n;
  double* column = swapped + n;
  double* pivot = column + n;
  for (int i = thread; i < n * n; i += threads) a[i] = double(w[i]);
  if (thread == 0) pivot[1] = 0;
  sync();
  for (int k = 0; k < n; ++k) {
    if (thread == 0) {
      int best = k;
      for (int i = k + 1; i < n; ++i)
        if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
      swapped[k] = best;
      pivot[0] = a[best * n + k];
      if (pivot[1] > -1e300) pivot[1] += log(fabs(pivot[0]));
    }
    sync();
    const int best = int(swapped[k]);
    for (int j = thread; j < n && best != k; j += threads) {
      const double kept = a[k * n + j];
      a[k * n + j] = a[best * n + j];
      a[best * n + j] = kept;
    }
    sync();
    for (int i = thread; i < n; i += threads) column[i] = a[i * n + k];
    sync();
    for (int j = thread; j < n; j += threads) a[k * n + j] = (j == k ? 1 : a[k * n + j]) / pivot[0];
    sync();
    for (int i = thread; i < n * n; i += threads)
      if (i / n != k) a[i] = (i % n == k ? 0 : a[i]) - column[i / n] * a[k * n + i % n];
    sync();
  }
  for (int k = n - 1; k >= 0; --k) {
    const int other = int(swapped[k]);
    for (int i = thread; i < n && other != k; i += threads) {
      const double kept = a[i * n + k];
      a[i * n + k] = a[i * n + other];
      a[i * n + other] = kept;
    }
    sync();
  }
  for (int i = thread; i < n * n; i += threads) inverse[i] = Real(a[i]);
  if (thread == 0) {
    double sum = pivot[1];
    for (int j = 0; log_scale && j < n; ++j) sum += double(log_scale[j]);
    *log_det = Real(area * sum);
  }
  if (log_scale && direction < 0) {
    for (int i = thread; i < n * n; i += threads) folded[i] = Real(a[i] * exp(-double(log_scale[i / n])));
    for (int i = thread; i < n; i += threads) offset[i] = -bias[i];
  } else if (log_scale) {
    for (int i = thread; i < n * n; i += threads) folded[i] = Real(double(w[i]) * exp(double(log_scale[i % n])));
    for (int i = thread; i < n; i += threads) {
      double sum = 0;
      for (int j = 0; j < n; ++j) sum += double(w[i * n + j]) * exp(double(log_scale[j])) * double(bias[j]);
      offset[i] = Real(sum);
    }
  }
);

/// Gradients of w, log_scale and bias from those of folded, offset and log_det.
CNF_KERNEL(fold_backward, (const Real* w, const Real* log_scale, const Real* bias, const Real* inverse, double area,
                           const Real* of_folded, const Real* of_offset, const Real* of_log_det, Real* of_w,
                           Real* of_log_scale, Real* of_bias, int n),
  const double g = area * double(*of_log_det);
  for (int i = thread; i < n * n; i += threads) {
    const int row = i / n, column = i % n;
    const double total = double(of_folded[i]) + double(of_offset[row]) * double(bias[column]);
    of_w[i] = Real(total * exp(double(log_scale[column])) + g * double(inverse[column * n + row]));
  }
  for (int j = thread; j < n; j += threads) {
    double scale = g;
    double shift = 0;
    for (int i = 0; i < n; ++i) {
      const double folded = double(w[i * n + j]) * exp(double(log_scale[j]));
      scale += (double(of_folded[i * n + j]) + double(of_offset[i]) * double(bias[j])) * folded;
      shift += folded * double(of_offset[i]);
    }
    of_log_scale[j] = Real(scale);
    of_bias[j] = Real(shift);
  }
);

/// scale * noise of rows r, as noise/noise.hpp defines it: row r belongs to input first_input + r / draws and is its draw
/// first_draw + r % draws. The seed is `seed` plus *shift, where there is one. kind: 0 uniform, 1 normal, 2 logistic.
CNF_KERNEL(noise, (Real* out, long long per_row, long long rows, unsigned long long seed, const long long* shift,
                   unsigned stream, long long first_input, long long draws, long long first_draw, int kind,
                   double scale),
  const unsigned long long key = seed + (shift ? (unsigned long long)(*shift) : 0ULL);
  const long long pairs = (per_row + 1) / 2;
  for (long long i = block * threads + thread; i < pairs * rows; i += blocks * threads) {
    const long long row = i / pairs, pair = i % pairs;
    unsigned c0 = unsigned(pair);
    unsigned c1 = unsigned(first_input + row / draws);
    unsigned c2 = unsigned(first_draw + row % draws);
    unsigned c3 = stream;
    unsigned k0 = unsigned(key);
    unsigned k1 = unsigned(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const unsigned long long p0 = 0xD2511F53ULL * c0;
      const unsigned long long p1 = 0xCD9E8D57ULL * c2;
      c0 = unsigned(p1 >> 32) ^ c1 ^ k0;
      c1 = unsigned(p1);
      c2 = unsigned(p0 >> 32) ^ c3 ^ k1;
      c3 = unsigned(p0);
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    double u = (double(((unsigned long long)(c0) << 32 | c1) >> 12) + 0.5) * 2.220446049250313e-16;
    double v = (double(((unsigned long long)(c2) << 32 | c3) >> 12) + 0.5) * 2.220446049250313e-16;
    if (kind == 1) {
      const double radius = sqrt(-2 * log(u));
      const double angle = 6.283185307179586 * v;
      u = radius * cos(angle);
      v = radius * sin(angle);
    } else if (kind == 2) {
      u = log(u) - log1p(-u);
      v = log(v) - log1p(-v);
    }
    const long long at = row * per_row + 2 * pair;
    out[at] = Real(scale * u);
    if (2 * pair + 1 < per_row) out[at + 1] = Real(scale * v);
  }
);

/// Before a step of Adam (training/adam.hpp): decides whether loss and gradient are finite, counts, and works out what
/// `adam` multiplies by. state: as training/adam.hpp lists it. One thread.
CNF_KERNEL(adam_begin, (double* state, const Real* loss, const Real* norm, double clip, double beta1, double beta2,
                        double decay, double warm_up),
  const double size = double(*norm);
  const double cost = double(*loss);
  state[1] += 1;
  if (state[3] == 0 && !(fabs(cost) < 1e300 && fabs(size) < 1e300)) {
    state[3] = state[1];
    state[4] = fabs(cost) < 1e300 ? 1 : 2;
  }
  if (state[3] == 0) {
    state[2] += 1;
    state[5] = clip > 0 && size > clip ? clip / (size + 1e-6) : 1;
    state[6] = 1 / (1 - exp(state[2] * log(beta1)));
    state[7] = 1 / (1 - exp(state[2] * log(beta2)));
    const double since = state[2] - warm_up;
    const double young = (1 + since) / (10 + since);
    state[8] = since <= 0 ? 1 : 1 - (young < decay ? young : decay);
    state[9] += cost;
    state[10] += 1;
    state[11] = size;
  }
);

/// A step of Adam and of the average of weights, unless adam_begin found something that is not finite.
CNF_KERNEL(adam, (Real* p, const Real* g, Real* m, Real* v, Real* average, const double* state, double beta1,
                  double beta2, double epsilon, long long count),
  if (state[3] == 0) {
    const Real clipped = Real(state[5]), first = Real(1 - beta1), second = Real(1 - beta2), inverse = Real(state[7]);
    const Real rate = Real(state[0] * state[6]), small = Real(epsilon), weight = Real(state[8]);
    const long long end = count * (block + 1) / blocks;
    for (long long i = count * block / blocks + thread; i < end; i += threads) {
      const Real gradient = g[i] * clipped;
      m[i] += (gradient - m[i]) * first;
      v[i] += (gradient * gradient - v[i]) * second;
      p[i] -= rate * m[i] / (sqrt(v[i] * inverse) + small);
      average[i] += (p[i] - average[i]) * weight;
    }
  }
);

}  // namespace cnf::libtorch::kernels
// clang-format on
