// Kernels for nodes: dropout of any array, and the terms of GAT's scores in one visit to every node.
//
// N nodes, H heads, V width of a head. Arrays are contiguous.

#include "products.h"

// Dropout of n numbers; the same function is its backward pass.
template <class T>
static void drop_entries(int64_t n, int64_t threads, double p, uint64_t seed, const T* from, T* to) {
  const Dropout<T> drop(p, seed, 0);
#pragma omp parallel for schedule(static) num_threads(int(n < 1 << 15 ? 1 : threads)) firstprivate(drop)
  for (int64_t i = 0; i < n; i += WIDTH<T>) store(to + i, drop(load(from + i, n - i), i), n - i);
}

// The terms of GAT's scores (Velickovic et al. 2018, eq. 3), query_vector . x and key_vector . x, and dropout of x.
template <class T>
struct NodeArguments {
  int64_t N, H, V, threads;
  double dropout;
  uint64_t seed;
  const T *x, *query_vector, *key_vector;  // (N, H, V), (H, V), (H, V)
  T *query, *key, *value;                  // (N, H), (N, H), (N, H, V) or null where nothing is dropped
};

template <class T>
struct NodeGradients {
  const T *query, *key, *value;
  T *x, *query_vector, *key_vector;
};

template <class T>
static void spread(const NodeArguments<T> nodes) {
  const int64_t H = nodes.H, V = nodes.V, wide = H * V;
  const Dropout<T> drop(nodes.dropout, nodes.seed, 0);
#pragma omp parallel for schedule(static) num_threads(int(nodes.threads)) firstprivate(nodes, drop)
  for (int64_t i = 0; i < nodes.N; ++i) {
    const T* x = nodes.x + i * wide;
    for (int64_t h = 0; h < H; h += WIDTH<T>) {
      const int64_t here = std::min<int64_t>(H - h, WIDTH<T>);
      store(nodes.query + i * H + h, dots<T>(here, V, x + h * V, nodes.query_vector + h * V), here);
      store(nodes.key + i * H + h, dots<T>(here, V, x + h * V, nodes.key_vector + h * V), here);
    }
    for (int64_t c = 0; nodes.value && c < wide; c += WIDTH<T>)
      store(nodes.value + i * wide + c, drop(load(x + c, wide - c), i * wide + c), wide - c);
  }
}

// Sums over nodes use a fixed number of partial sums, so they do not depend on the number of threads.
template <class T>
static void gather(const NodeArguments<T> nodes, const NodeGradients<T> grad) {
  constexpr int64_t PARTS = 32;
  const int64_t H = nodes.H, V = nodes.V, wide = H * V;
  const Dropout<T> drop(nodes.dropout, nodes.seed, 0);
  Buffer<T> sums(PARTS * 2 * wide);
  std::fill_n(sums + 0, PARTS * 2 * wide, T(0));
#pragma omp parallel for schedule(static) num_threads(int(nodes.threads)) firstprivate(nodes, grad, drop)
  for (int64_t part = 0; part < PARTS; ++part) {
    T *d_query_vector = sums + part * 2 * wide, *d_key_vector = d_query_vector + wide;
    for (int64_t i = nodes.N * part / PARTS; i < nodes.N * (part + 1) / PARTS; ++i) {
      const T *x = nodes.x + i * wide, *d_value = grad.value + i * wide;
      T* d_x = grad.x + i * wide;
      for (int64_t c = 0; c < wide; c += WIDTH<T>)
        store(d_x + c, drop(load(d_value + c, wide - c), i * wide + c), wide - c);
      for (int64_t h = 0; h < H; ++h) {
        const T query = grad.query[i * H + h], key = grad.key[i * H + h];
        add_scaled<T>(V, query, nodes.query_vector + h * V, d_x + h * V);
        add_scaled<T>(V, key, nodes.key_vector + h * V, d_x + h * V);
        add_scaled<T>(V, query, x + h * V, d_query_vector + h * V);
        add_scaled<T>(V, key, x + h * V, d_key_vector + h * V);
      }
    }
  }
  std::fill_n(grad.query_vector, wide, T(0));
  std::fill_n(grad.key_vector, wide, T(0));
  for (int64_t part = 0; part < PARTS; ++part) {
    add_scaled<T>(wide, 1, sums + part * 2 * wide, grad.query_vector);
    add_scaled<T>(wide, 1, sums + part * 2 * wide + wide, grad.key_vector);
  }
}

#define FOR(T)                                                                                                         \
  void dropout_##T(int64_t n, int64_t threads, double p, uint64_t seed, const T* from, T* to) {                        \
    drop_entries(n, threads, p, seed, from, to);                                                                       \
  }                                                                                                                    \
  void nodes_forward_##T(const NodeArguments<T>* nodes) { spread(*nodes); }                                            \
  void nodes_backward_##T(const NodeArguments<T>* nodes, const NodeGradients<T>* grad) { gather(*nodes, *grad); }
extern "C" {
FOR(float)
FOR(double)
}
