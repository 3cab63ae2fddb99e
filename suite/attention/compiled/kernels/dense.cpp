// Softmax attention with dropout on a CPU, forward and backward, one block of queries at a time.
//
// B batch, H heads, L queries, S keys, D width of a query and a key, V width of a value. Saved for the backward pass is
// one number per query, log sum exp of its scores; weights and dropout are computed again.

#include "products.h"

template <class T>
struct TensorArgument {  // rows (b, h, n) of contiguous numbers
  T* data;
  int64_t strides[4];
  T* row(int64_t b, int64_t h, int64_t n = 0) const { return data + b * strides[0] + h * strides[1] + n * strides[2]; }
  int64_t stride() const { return strides[2]; }
};

// Where a product writes rows of a tensor: in place if they hold whole vectors, else into scratch that is copied.
template <class T>
class Output {
 public:
  Output(T* to, int64_t stride, int64_t width, T* scratch)
      : data(width % WIDTH<T> ? scratch : to), stride(width % WIDTH<T> ? padded<T>(width) : stride), to(to),
        width(width), to_stride(stride) {}
  void clear(int64_t rows) const {
    for (int64_t i = 0; i < rows; ++i) std::fill_n(data + i * stride, width, T(0));
  }
  void finish(int64_t rows) const {
    for (int64_t i = 0; data != to && i < rows; ++i) std::copy_n(data + i * stride, width, to + i * to_stride);
  }
  T* const data;
  const int64_t stride;

 private:
  T* const to;
  const int64_t width, to_stride;
};

template <class T>
struct DenseArguments {
  int64_t B, H, L, S, D, V, threads, causal;
  double scale, dropout;
  uint64_t seed;
  TensorArgument<T> query, key, value, context;
  TensorArgument<const uint8_t> mask;  // (B, H, L, S), 1 = may attend; null data: all may
  T* normaliser;                       // (B, H, L)
};

template <class T>
struct DenseGradients {
  TensorArgument<T> context, query, key, value;
};

template <class T>
constexpr T FORBIDDEN = static_cast<T>(-1e30);  // added to a score, gives the weight 0

// Queries in a block: 128 KiB of scores, whole tiles; fewer for causal attention, which then skips more pairs.
template <class T>
static int64_t block_size(const DenseArguments<T>& call) {
  const int64_t fitting = (1 << 17) / static_cast<int64_t>(sizeof(T)) / std::max<int64_t>(padded<T>(call.S), 1);
  const int64_t most = call.causal ? std::clamp<int64_t>(call.L / 4 / 6 * 6, 24, 48) : 96;
  return std::clamp<int64_t>(fitting / 6 * 6, 12, most);
}

// One head and the scores of a block of its queries.
template <class T>
class Head {
 public:
  explicit Head(const DenseArguments<T>& call)
      : call(call), stride(padded<T>(call.S)), keys(stride * call.D),
        scores(block_size(call) * stride), bias(stride), row_bias(stride) {}

  void begin(int64_t number) {
    n = number, b = number / call.H, h = number % call.H;
    mask = call.mask.data ? call.mask.row(b, h) : nullptr;
    reach = call.S;
    if (mask && call.mask.stride() == 0) reach = read_mask(mask, bias);  // one mask for all queries
    else read_mask(nullptr, bias);
    pack_transposed(call.D, reach, call.key.row(b, h), call.key.stride(), keys + 0, static_cast<T>(call.scale));
  }

  // Scores of queries first to first + rows; keys from ``end`` on are forbidden to all of them.
  void score(int64_t first, int64_t rows) {
    const Left<T> queries{call.query.row(b, h, first), call.query.stride(), 1};
    end = stop(first + rows - 1);
    product<T>(rows, end, call.D, queries, keys, call.D, scores, stride);
  }

  Dropout<T> dropout(int64_t l) const { return {call.dropout, call.seed, static_cast<uint64_t>(n * call.L + l)}; }

  // Apply the mask and the causal order to row i; returns the padded number of keys that may be allowed.
  int64_t forbid(int64_t first, int64_t i, T*& row) {
    row = scores + i * stride;
    const int64_t own = stop(first + i), wide = (own + WIDTH<T> - 1) / WIDTH<T> * WIDTH<T>;
    std::fill(row + own, row + wide, FORBIDDEN<T>);
    const T* added = bias;
    if (mask && call.mask.stride() != 0) {
      read_mask(mask + (first + i) * call.mask.stride(), row_bias);
      added = row_bias;
    }
    for (int64_t s = 0; s < wide; s += WIDTH<T>) store(row + s, load(row + s) + load(added + s));
    return wide;
  }

  const DenseArguments<T>& call;
  const int64_t stride;
  int64_t n = 0, b = 0, h = 0, reach = 0, end = 0;
  Buffer<T> keys, scores;

 private:
  // The number of keys that query l may attend to at most: the last query is at the last key.
  int64_t stop(int64_t l) const {
    return call.causal ? std::clamp<int64_t>(l + 1 + call.S - call.L, 0, reach) : reach;
  }
  // A row of the mask as a bias of the scores; returns one past its last allowed key.
  int64_t read_mask(const uint8_t* row, T* to) const {
    int64_t last = 0;
    const int64_t step = call.mask.strides[3];
    std::fill(to, to + stride, row ? FORBIDDEN<T> : T(0));
    if (row)
      for (int64_t s = 0; s < call.S; ++s)
        if (row[s * step]) to[s] = 0, last = s + 1;
    return last;
  }
  const uint8_t* mask = nullptr;
  Buffer<T> bias, row_bias;
};

template <class T>
static void forward(const DenseArguments<T>& call) {
  const int64_t size = block_size(call), wide_value = padded<T>(call.V);
#pragma omp parallel num_threads(int(call.threads))
  {
    Head<T> head(call);
    Buffer<T> values(wide_value * call.S), mixed(size * wide_value);
#pragma omp for schedule(dynamic)
    for (int64_t n = 0; n < call.B * call.H; ++n) {
      head.begin(n);
      pack(head.reach, call.V, call.value.row(head.b, head.h), call.value.stride(), values + 0);
      for (int64_t first = 0; first < call.L; first += size) {
        const int64_t rows = std::min(size, call.L - first);
        head.score(first, rows);
        for (int64_t i = 0; i < rows; ++i) {
          T* row;
          const int64_t wide = head.forbid(first, i, row);
          const Dropout<T> drop = head.dropout(first + i);
          Vector<T> tops = all(FORBIDDEN<T>), sums{};
          for (int64_t s = 0; s < wide; s += WIDTH<T>) tops = load(row + s) > tops ? load(row + s) : tops;
          const T top = std::max(largest<T>(tops), FORBIDDEN<T> / 2);  // an empty row then has weights 0
          for (int64_t s = 0; s < wide; s += WIDTH<T>) {
            const Vector<T> x = power(load(row + s) - top);
            store(row + s, x);
            sums += x;
          }
          const T total = sum<T>(sums), share = total == 0 ? T(0) : 1 / total;
          for (int64_t s = 0; s < wide; s += WIDTH<T>) store(row + s, drop(load(row + s) * share, s));
          if (wide < head.end) std::fill(row + wide, row + head.end, T(0));
          call.normaliser[n * call.L + first + i] = total == 0 ? -FORBIDDEN<T> : top + std::log(total);
        }
        const Output<T> out(call.context.row(head.b, head.h, first), call.context.stride(), call.V, mixed);
        product<T>(rows, call.V, head.end, {head.scores, head.stride, 1}, values, head.reach, out.data, out.stride);
        out.finish(rows);
      }
    }
  }
}

// Keys and queries are packed with the scale, so that scores and both gradients contain it.
//
// d weights = dropout (d context . value);   d scores = weights (d weights - sum over keys of weights d weights).
template <class T>
static void backward(const DenseArguments<T>& call, const DenseGradients<T>& grad) {
  const int64_t size = block_size(call), wide_value = padded<T>(call.V), wide_key = padded<T>(call.D);
#pragma omp parallel num_threads(int(call.threads))
  {
    Head<T> head(call);
    const int64_t stride = head.stride;
    const T scale = static_cast<T>(call.scale);
    Buffer<T> values(stride * call.V), keys(call.S * wide_key), weights(stride), d_scores(size * stride);
    Buffer<T> queries(size * wide_key), grads(size * wide_value);
    Buffer<T> d_query(size * wide_key), d_key(call.S * wide_key), d_value(call.S * wide_value);
#pragma omp for schedule(dynamic)
    for (int64_t n = 0; n < call.B * call.H; ++n) {
      head.begin(n);
      const int64_t b = head.b, h = head.h, reach = head.reach;
      pack_transposed(call.V, reach, call.value.row(b, h), call.value.stride(), values + 0);
      pack(reach, call.D, call.key.row(b, h), call.key.stride(), keys + 0, scale);
      const Output<T> to_key(grad.key.row(b, h), grad.key.stride(), call.D, d_key);
      const Output<T> to_value(grad.value.row(b, h), grad.value.stride(), call.V, d_value);
      to_key.clear(call.S);
      to_value.clear(call.S);
      for (int64_t first = 0; first < call.L; first += size) {
        const int64_t rows = std::min(size, call.L - first);
        const Left<T> d_context{grad.context.row(b, h, first), grad.context.stride(), 1};
        pack(rows, call.D, call.query.row(b, h, first), call.query.stride(), queries + 0, scale);
        pack(rows, call.V, d_context.data, d_context.row, grads + 0);
        head.score(first, rows);
        product<T>(rows, head.end, call.V, d_context, values, call.V, d_scores, stride);
        for (int64_t i = 0; i < rows; ++i) {
          T *row, *to = d_scores + i * stride;
          const int64_t wide = head.forbid(first, i, row);
          const Dropout<T> drop = head.dropout(first + i);
          const T normaliser = call.normaliser[n * call.L + first + i];
          Vector<T> means{};
          for (int64_t s = 0; s < wide; s += WIDTH<T>) {
            const Vector<T> x = power(load(row + s) - normaliser), left = drop(x, s);
            means += left * load(to + s);
            store(weights + s, x);
            store(row + s, left);
          }
          const T mean = sum<T>(means);
          for (int64_t s = 0; s < wide; s += WIDTH<T>)
            store(to + s, load(row + s) * load(to + s) - load(weights + s) * mean);
          if (wide < head.end) {
            std::fill(row + wide, row + head.end, T(0));
            std::fill(to + wide, to + head.end, T(0));
          }
        }
        const Output<T> to_query(grad.query.row(b, h, first), grad.query.stride(), call.D, d_query);
        product<T>(rows, call.D, head.end, {d_scores, stride, 1}, keys, reach, to_query.data, to_query.stride);
        to_query.finish(rows);
        product<T>(head.end, call.D, rows, {d_scores, 1, stride}, queries, rows, to_key.data, to_key.stride, true);
        product<T>(head.end, call.V, rows, {head.scores, 1, stride}, grads, rows, to_value.data, to_value.stride, true);
      }
      to_key.finish(call.S);
      to_value.finish(call.S);
    }
  }
}

#define FOR(T)                                                                                                         \
  void attention_forward_##T(const DenseArguments<T>* call) { forward(*call); }                                        \
  void attention_backward_##T(const DenseArguments<T>* call, const DenseGradients<T>* grad) { backward(*call, *grad); }
extern "C" {
FOR(float)
FOR(double)
}
