// Vectors in the vector extension of GCC: arithmetic, e^x, and dropout without a mask in memory.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

template <class T>
struct Types {
  using Signed = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  using Unsigned = std::make_unsigned_t<Signed>;
  typedef T Vector __attribute__((vector_size(BYTES), aligned(alignof(T)), may_alias));  // unaligned loads
  typedef Signed Choice __attribute__((vector_size(BYTES)));  // all bits of an entry set, or none
  typedef Unsigned Words __attribute__((vector_size(BYTES)));
};
template <class T>
using Vector = typename Types<T>::Vector;
template <class T>
constexpr int WIDTH = BYTES / sizeof(T);

template <class T>
static inline Vector<T> load(const T* from) {
  return *reinterpret_cast<const Vector<T>*>(from);
}
template <class T>
static inline void store(T* to, Vector<T> x) {
  *reinterpret_cast<Vector<T>*>(to) = x;
}
// Load or store the first ``entries`` of a vector; the others are 0 when loaded and not stored.
template <class T>
static inline Vector<T> load(const T* from, int64_t entries) {
  if (entries >= WIDTH<T>) return load(from);
  Vector<T> x{};
  for (int64_t i = 0; i < entries; ++i) x[i] = from[i];
  return x;
}
template <class T>
static inline void store(T* to, Vector<T> x, int64_t entries) {
  if (entries >= WIDTH<T>) return store(to, x);
  for (int64_t i = 0; i < entries; ++i) to[i] = x[i];
}
template <class T>
static inline Vector<T> all(T x) {
  return Vector<T>{} + x;
}
template <class T>
static inline T sum(Vector<T> x) {
  for (int half = WIDTH<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) x[i] += x[i + half];
  return x[0];
}
// The sums of WIDTH vectors as one vector: log2 WIDTH rounds of interleaving and adding.
template <class T>
static inline Vector<T> sums(Vector<T>* x) {
  typename Types<T>::Choice even{}, odd{};
  for (int i = 0; i < WIDTH<T>; ++i) even[i] = i / 2 + i % 2 * WIDTH<T>, odd[i] = even[i] + WIDTH<T> / 2;
  for (int half = WIDTH<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      x[i] = __builtin_shuffle(x[i], x[i + half], even) + __builtin_shuffle(x[i], x[i + half], odd);
  return x[0];
}
template <class T>
static inline T largest(Vector<T> x) {
  T top = x[0];
  for (int i = 1; i < WIDTH<T>; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

// e^x for x <= 0, and 0 below -87, the range of normal floats: 2^n e^r with |r| <= ln 2 / 2 and the polynomial of
// Cephes' expf, within 2 units in the last place.
static inline Vector<float> power(Vector<float> x) {
  using Whole = Types<float>::Choice;
  const Vector<float> inside = x < -87.0f ? all(-87.0f) : x, rounder = all(12582912.0f);  // 1.5 x 2^23
  const Vector<float> shifted = inside * 1.44269504088896341f + rounder, n = shifted - rounder;
  const Vector<float> r = inside - n * 0.693359375f + n * 2.12194440e-4f;
  Vector<float> p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Whole bits = reinterpret_cast<Whole>(p) + (reinterpret_cast<Whole>(shifted) << 23);  // p 2^n, by its exponent
  return x < -87.0f ? Vector<float>{} : reinterpret_cast<Vector<float>>(bits);
}
static inline Vector<double> power(Vector<double> x) {
  for (int i = 0; i < WIDTH<double>; ++i) x[i] = std::exp(x[i]);
  return x;
}

// Dropout of one row as a function of (seed, row, column), which the backward pass computes again.
//
// splitmix64 (Steele et al. 2014) makes two keys from seed and row; a 32-bit mixer (Wellons 2018, "lowbias32") makes
// the number of a column from them. An entry is kept if its number is at least p 2^32. float and double agree.
template <class T>
class Dropout {
  using Unsigned = typename Types<T>::Unsigned;
  using Words = typename Types<T>::Words;

 public:
  Dropout(double p, uint64_t seed, uint64_t row)
      : threshold(static_cast<Unsigned>(std::fmin(std::round(p * 4294967296.0), 4294967295.0))),
        scale(static_cast<T>(1.0 / (1.0 - p))) {
    uint64_t x = seed + (row + 1) * 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    x ^= x >> 31;
    for (int i = 0; i < WIDTH<T>; ++i) first[i] = static_cast<Unsigned>(x & 0xffffffff) + i;
    second = Words{} + static_cast<Unsigned>(x >> 32);
  }
  // Dropout of the weights x, the first of which is at ``column``.
  Vector<T> operator()(Vector<T> x, int64_t column) const {
    if (!threshold) return x;
    const typename Types<T>::Choice keep = draw(column) >= threshold;
    return keep ? x * scale : Vector<T>{};
  }

 private:
  Words draw(int64_t column) const {
    const Words low = Words{} + static_cast<Unsigned>(0xffffffff);
    Words x = (first + static_cast<Unsigned>(column)) & low;
    x = ((x ^ (x >> 16)) * static_cast<Unsigned>(0x7feb352d)) & low;
    x ^= second;
    x = ((x ^ (x >> 15)) * static_cast<Unsigned>(0x846ca68b)) & low;
    return x ^ (x >> 16);
  }
  Unsigned threshold;
  T scale;
  Words first, second;
};
