// Matrix products of the size of one head: tiles of six rows by two vectors, whose sums stay in registers.
#pragma once

#include <algorithm>
#include <new>

#include "vectors.h"

template <class T>
constexpr int PANEL = 2 * WIDTH<T>;  // adjacent columns of a packed right operand

template <class T>
static int64_t padded(int64_t columns) {
  return (columns + PANEL<T> - 1) / PANEL<T> * PANEL<T>;
}

// Scratch memory of one thread.
template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t size) : data(static_cast<T*>(::operator new[](size * sizeof(T), ALIGNED))) {}
  ~Buffer() { ::operator delete[](data, ALIGNED); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  operator T*() { return data; }

 private:
  static constexpr std::align_val_t ALIGNED{64};
  T* data;
};

// Pack scale times the right operand (depth, columns) into panels of PANEL columns, padded with zeros.
template <class T>
static void pack(int64_t depth, int64_t columns, const T* from, int64_t stride, T* to, T scale = 1) {
  for (int64_t n = 0; n < columns; n += PANEL<T>) {
    const int64_t here = std::min<int64_t>(PANEL<T>, columns - n);
    for (int64_t k = 0; k < depth; ++k, to += PANEL<T>) {
      const T* row = from + k * stride + n;
      if (here == PANEL<T>) {
        store(to, load(row) * scale);
        store(to + WIDTH<T>, load(row + WIDTH<T>) * scale);
      } else {
        for (int64_t j = 0; j < here; ++j) to[j] = row[j] * scale;
        std::fill(to + here, to + PANEL<T>, T(0));
      }
    }
  }
}

// ``pack`` of the transpose: ``from`` is (columns, depth).
template <class T>
static void pack_transposed(int64_t depth, int64_t columns, const T* from, int64_t stride, T* to, T scale = 1) {
  for (int64_t n = 0; n < columns; n += PANEL<T>, to += depth * PANEL<T>) {
    const int64_t here = std::min<int64_t>(PANEL<T>, columns - n);
    for (int64_t k = 0; k < depth; ++k) {
      for (int64_t j = 0; j < here; ++j) to[k * PANEL<T> + j] = from[(n + j) * stride + k] * scale;
      std::fill(to + k * PANEL<T> + here, to + (k + 1) * PANEL<T>, T(0));
    }
  }
}

template <class T>
static T dot(int64_t size, const T* a, const T* b) {
  Vector<T> sums{};
  int64_t i = 0;
  for (; i + WIDTH<T> <= size; i += WIDTH<T>) sums += load(a + i) * load(b + i);
  T total = sum<T>(sums);
  for (; i < size; ++i) total += a[i] * b[i];
  return total;
}

// left . right of each head, for the first ``here`` heads of a vector; the other entries are 0.
template <class T>
static inline Vector<T> dots(int64_t here, int64_t V, const T* left, const T* right) {
  Vector<T> x[WIDTH<T>]{};
  if (here == WIDTH<T> && V == WIDTH<T>) {
    for (int j = 0; j < WIDTH<T>; ++j) x[j] = load(left + j * V) * load(right + j * V);
    return sums<T>(x);
  }
  for (int64_t j = 0; j < here; ++j) x[0][j] = dot<T>(V, left + j * V, right + j * V);
  return x[0];
}

template <class T>
static inline void add_scaled(int64_t size, T scale, const T* from, T* to) {
  int64_t i = 0;
  for (; i + WIDTH<T> <= size; i += WIDTH<T>) store(to + i, load(to + i) + scale * load(from + i));
  for (; i < size; ++i) to[i] += scale * from[i];
}

// A left operand: entry (i, k) is data[i * row + k * column].
template <class T>
struct Left {
  const T* data;
  int64_t row, column;
};

template <class T, int ROWS, int VECTORS>
static inline void tile(int64_t depth, Left<T> a, const T* panel, T* out, int64_t stride, bool add) {
  Vector<T> sums[ROWS][VECTORS];
  for (int i = 0; i < ROWS; ++i)
    for (int n = 0; n < VECTORS; ++n) sums[i][n] = add ? load(out + i * stride + n * WIDTH<T>) : Vector<T>{};
  for (int64_t k = 0; k < depth; ++k, panel += PANEL<T>) {
    Vector<T> right[VECTORS];
    for (int n = 0; n < VECTORS; ++n) right[n] = load(panel + n * WIDTH<T>);
    for (int i = 0; i < ROWS; ++i) {
      const T left = a.data[i * a.row + k * a.column];
      for (int n = 0; n < VECTORS; ++n) sums[i][n] += left * right[n];
    }
  }
  for (int i = 0; i < ROWS; ++i)
    for (int n = 0; n < VECTORS; ++n) store(out + i * stride + n * WIDTH<T>, sums[i][n]);
}

template <class T, int VECTORS>
static void tiles(int64_t rows, int64_t depth, Left<T> a, const T* panel, T* out, int64_t stride, bool add) {
  for (; rows >= 6; rows -= 6, a.data += 6 * a.row, out += 6 * stride)
    tile<T, 6, VECTORS>(depth, a, panel, out, stride, add);
  if (rows == 1) tile<T, 1, VECTORS>(depth, a, panel, out, stride, add);
  if (rows == 2) tile<T, 2, VECTORS>(depth, a, panel, out, stride, add);
  if (rows == 3) tile<T, 3, VECTORS>(depth, a, panel, out, stride, add);
  if (rows == 4) tile<T, 4, VECTORS>(depth, a, panel, out, stride, add);
  if (rows == 5) tile<T, 5, VECTORS>(depth, a, panel, out, stride, add);
}

// out (rows, columns) = a (rows, depth) b, or += with ``add``; b was packed with depth ``packed``, of which the first
// ``depth`` rows count. Rows of ``out`` are ``stride`` apart and padded: the padding of a panel is overwritten.
template <class T>
static void product(int64_t rows, int64_t columns, int64_t depth, Left<T> a, const T* b, int64_t packed, T* out,
                    int64_t stride, bool add = false) {
  for (int64_t n = 0; n < columns; n += PANEL<T>, b += packed * PANEL<T>)
    if (columns - n > WIDTH<T>)
      tiles<T, 2>(rows, depth, a, b, out + n, stride, add);
    else
      tiles<T, 1>(rows, depth, a, b, out + n, stride, add);
}
