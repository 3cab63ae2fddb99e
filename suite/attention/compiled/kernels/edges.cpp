// The attention of GAT along the edges of a graph on a CPU: one visit to every edge, no intermediate arrays.
//
// N receivers, S senders, M edges, H heads, V width of a value. Receiver i has the edges offsets[i] to offsets[i + 1];
// edge e comes from sender column[e]. Arrays are contiguous, with the numbers of a node or an edge adjacent. Every node
// is written by one thread, so sums do not depend on the number of threads.

#include "products.h"

template <class T>
struct EdgeArguments {
  int64_t N, S, H, V, threads;
  const int32_t *offsets, *column;                  // by receiver
  const int32_t *back_offsets, *receiver, *number;  // by sender: entry t is edge number[t]
  double slope, dropout;
  uint64_t seed;
  const T *query, *key, *value;  // terms of a score (N, H) and (S, H); (S, H, V)
  T *weights, *context;          // (M, H), before dropout; (N, H, V)
};

template <class T>
struct EdgeGradients {
  const T *context, *weights;       // weights: null without a gradient
  T *scores, *query, *key, *value;  // (M, H), then as above
};

// LeakyReLU of the sum of both terms.
template <class T>
static inline Vector<T> score(Vector<T> sum, T slope) {
  return sum < 0 ? sum * slope : sum;
}

// HEADS and DIM are H and V where they are known at compile time, which unrolls the loops, else 0. Heads are processed
// one vector at a time, of which the first ``here`` entries count.
template <class T, int HEADS, int DIM>
static void forward(const EdgeArguments<T> graph) {
  const int64_t H = HEADS ? HEADS : graph.H, V = DIM ? DIM : graph.V;
  const Dropout<T> drop(graph.dropout, graph.seed, 0);
  const T slope = static_cast<T>(graph.slope);
#pragma omp parallel for schedule(static) num_threads(int(graph.threads)) firstprivate(graph, drop, slope)
  for (int64_t i = 0; i < graph.N; ++i)
    for (int64_t h = 0; h < H; h += WIDTH<T>) {
      const int64_t begin = graph.offsets[i], end = graph.offsets[i + 1], here = std::min<int64_t>(H - h, WIDTH<T>);
      const T *key = graph.key + h, *value = graph.value + h * V;
      T *weight = graph.weights + h, *context = graph.context + (i * H + h) * V;
      const Vector<T> query = load(graph.query + i * H + h, here);
      Vector<T> top = all(std::numeric_limits<T>::lowest()), total{};
      for (int64_t e = begin; e < end; ++e) {
        const Vector<T> x = score(query + load(key + graph.column[e] * H, here), slope);
        store(weight + e * H, x, here);
        top = x > top ? x : top;
      }
      for (int64_t e = begin; e < end; ++e) {
        const Vector<T> x = power(load(weight + e * H, here) - top);
        store(weight + e * H, x, here);
        total += x;
      }
      const Vector<T> share = 1 / total;
      std::fill_n(context, here * V, T(0));
      for (int64_t e = begin; e < end; ++e) {
        const Vector<T> x = load(weight + e * H, here) * share, left = drop(x, e * H + h);
        store(weight + e * H, x, here);
        const T* sent = value + graph.column[e] * H * V;
        for (int64_t j = 0; j < here; ++j) add_scaled<T>(V, left[j], sent + j * V, context + j * V);
      }
    }
}

// d weights = dropout (d context[receiver] . value[sender]);   d scores = weights (d weights - their mean), then
// through LeakyReLU.
template <class T, int HEADS, int DIM>
static void to_receivers(const EdgeArguments<T> graph, const EdgeGradients<T> grad) {
  const int64_t H = HEADS ? HEADS : graph.H, V = DIM ? DIM : graph.V;
  const Dropout<T> drop(graph.dropout, graph.seed, 0);
  const T slope = static_cast<T>(graph.slope);
#pragma omp parallel for schedule(static) num_threads(int(graph.threads)) firstprivate(graph, grad, drop, slope)
  for (int64_t i = 0; i < graph.N; ++i)
    for (int64_t h = 0; h < H; h += WIDTH<T>) {
      const int64_t begin = graph.offsets[i], end = graph.offsets[i + 1], here = std::min<int64_t>(H - h, WIDTH<T>);
      const T *key = graph.key + h, *value = graph.value + h * V, *weight = graph.weights + h;
      const T *d_context = grad.context + (i * H + h) * V, *context = graph.context + (i * H + h) * V;
      const Vector<T> query = load(graph.query + i * H + h, here);
      Vector<T> mean = dots<T>(here, V, d_context, context), d_query{};
      if (grad.weights)
        for (int64_t e = begin; e < end; ++e) mean += load(weight + e * H, here) * load(grad.weights + e * H + h, here);
      for (int64_t e = begin; e < end; ++e) {
        const T* sent = value + graph.column[e] * H * V;
        Vector<T> d = dots<T>(here, V, d_context, sent);
        const Vector<T> x = load(weight + e * H, here);
        d = drop(x, e * H + h) * d - x * mean;
        if (grad.weights) d += x * load(grad.weights + e * H + h, here);
        d = query + load(key + graph.column[e] * H, here) < 0 ? d * slope : d;
        store(grad.scores + e * H + h, d, here);
        d_query += d;
      }
      store(grad.query + i * H + h, d_query, here);
    }
}

template <class T, int HEADS, int DIM>
static void to_senders(const EdgeArguments<T> graph, const EdgeGradients<T> grad) {
  const int64_t H = HEADS ? HEADS : graph.H, V = DIM ? DIM : graph.V;
  const Dropout<T> drop(graph.dropout, graph.seed, 0);
#pragma omp parallel for schedule(static) num_threads(int(graph.threads)) firstprivate(graph, grad, drop)
  for (int64_t s = 0; s < graph.S; ++s)
    for (int64_t h = 0; h < H; h += WIDTH<T>) {
      const int64_t here = std::min<int64_t>(H - h, WIDTH<T>);
      T* d_value = grad.value + (s * H + h) * V;
      Vector<T> d_key{};
      std::fill_n(d_value, here * V, T(0));
      for (int64_t t = graph.back_offsets[s]; t < graph.back_offsets[s + 1]; ++t) {
        const int64_t e = graph.number[t];
        const T* d_context = grad.context + (graph.receiver[t] * H + h) * V;
        const Vector<T> left = drop(load(graph.weights + e * H + h, here), e * H + h);
        d_key += load(grad.scores + e * H + h, here);
        for (int64_t j = 0; j < here; ++j) add_scaled<T>(V, left[j], d_context + j * V, d_value + j * V);
      }
      store(grad.key + s * H + h, d_key, here);
    }
}

// out[r] = sum over entries e of row r of values[order[e]] dense[column[e]], vectors of a row in registers.
template <class T, int VECTORS>
static void product_row(int64_t begin, int64_t end, int64_t width, const int32_t* column, const int32_t* order,
                        const T* values, const T* dense, T* out) {
  Vector<T> sums[VECTORS]{};
  for (int64_t e = begin; e < end; ++e) {
    const T x = values[order ? order[e] : e], *row = dense + column[e] * width;
    for (int n = 0; n < VECTORS; ++n) sums[n] += x * load(row + n * WIDTH<T>);
  }
  for (int n = 0; n < VECTORS; ++n) store(out + n * WIDTH<T>, sums[n]);
}

template <class T>
static void sparse_product(int64_t rows, int64_t width, int64_t threads, const int32_t* offsets, const int32_t* column,
                           const int32_t* order, const T* values, const T* dense, T* out) {
#pragma omp parallel for schedule(static) num_threads(int(threads))
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t begin = offsets[r], end = offsets[r + 1];
    int64_t d = 0;
    for (; d + 8 * WIDTH<T> <= width; d += 8 * WIDTH<T>)
      product_row<T, 8>(begin, end, width, column, order, values, dense + d, out + r * width + d);
    for (; d + WIDTH<T> <= width; d += WIDTH<T>)
      product_row<T, 1>(begin, end, width, column, order, values, dense + d, out + r * width + d);
    std::fill_n(out + r * width + d, width - d, T(0));
    for (int64_t e = begin; e < end; ++e)
      for (int64_t i = d; i < width; ++i)
        out[r * width + i] += values[order ? order[e] : e] * dense[column[e] * width + i];
  }
}

template <class T>
static void graph_forward(const EdgeArguments<T>& graph) {
  if (graph.H == 8 && graph.V == 8) forward<T, 8, 8>(graph);
  else if (graph.H == 1) forward<T, 1, 0>(graph);
  else forward<T, 0, 0>(graph);
}

template <class T>
static void graph_backward(const EdgeArguments<T>& graph, const EdgeGradients<T>& grad) {
  if (graph.H == 8 && graph.V == 8) to_receivers<T, 8, 8>(graph, grad), to_senders<T, 8, 8>(graph, grad);
  else if (graph.H == 1) to_receivers<T, 1, 0>(graph, grad), to_senders<T, 1, 0>(graph, grad);
  else to_receivers<T, 0, 0>(graph, grad), to_senders<T, 0, 0>(graph, grad);
}

#define FOR(T)                                                                                                         \
  void graph_forward_##T(const EdgeArguments<T>* graph) { graph_forward(*graph); }                                     \
  void graph_backward_##T(const EdgeArguments<T>* graph, const EdgeGradients<T>* grad) {                               \
    graph_backward(*graph, *grad);                                                                                     \
  }                                                                                                                    \
  void sparse_product_##T(int64_t rows, int64_t width, int64_t threads, const int32_t* offsets, const int32_t* column, \
                          const int32_t* order, const T* values, const T* dense, T* out) {                             \
    sparse_product(rows, width, threads, offsets, column, order, values, dense, out);                                  \
  }
extern "C" {
FOR(float)
FOR(double)
}
