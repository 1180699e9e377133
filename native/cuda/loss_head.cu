// What the loss head does beside its three matrix products (LossHead.Cuda.cs): gathering trained rows, the softmax over tiles of the
// vocabulary, and its gradient in place of the logits.
#include "log_sum_exp.cuh"

typedef float f32;

// gathered[m] = x[trained_rows[m]]. One block per trained row: blockDim.x = 128, gridDim.x = M.
//   gathered (M, C)   x (N, C)   trained_rows (M)
template <typename T> DEVICE void gather(T* gathered, const T* x, const int* trained_rows, int rows, int channels) {
    long long m = block_x();
    int row = trained_rows[m];
    require(row >= 0 && row < rows);
    for (int c = thread_x(); c < channels; c += 128) gathered[m * channels + c] = x[(long long)row * channels + c];
}

// dx[trained_rows[m]] = gathered[m], rounded; the other rows are zero already. As above.
//   dx (N, C)   gathered (M, C) singles
template <typename T> DEVICE void scatter(T* dx, const float* gathered, const int* trained_rows, int channels) {
    long long m = block_x();
    long long row = trained_rows[m];
    for (int c = thread_x(); c < channels; c += 128) store(&dx[row * channels + c], gathered[m * channels + c]);
}

// Takes a tile of logits, words first_word ... of the vocabulary, into the sums so far; the first tile starts them. One warp per row:
// blockDim.x = 128, gridDim.x = M / 4 rounded up.
//   largest, sums, label_logits (M)   logits (M, columns), stride apart   labels (M)
KERNEL BOUNDS(128, 4) loss_head_sums(
    float* largest, float* sums, float* label_logits, const float* logits, const int* labels, long long stride, int tokens, int vocabulary,
    int first_word, int columns) {
    long long m = (long long)block_x() * 4 + warp_of_block();
    if (m >= tokens) return;
    LogSumExp s = first_word == 0 ? empty_log_sum_exp() : LogSumExp{largest[m], sums[m]};
    add_logits(s, logits + m * stride, columns);
    warp_barrier();   // every lane has read what the first one now replaces
    if (lane_of_warp() != 0) return;
    largest[m] = s.largest;
    sums[m] = s.sum;
    int label = labels[m];
    require(label >= 0 && label < vocabulary);
    if (label >= first_word && label < first_word + columns) label_logits[m] = logits[m * stride + (label - first_word)];
}

// losses (M) = logsumexp(logits) - logit of the label. One thread per token: blockDim.x = 128.
KERNEL BOUNDS(128, 4) loss_head_losses(float* losses, const float* largest, const float* sums, const float* label_logits, int tokens) {
    int m = block_x() * 128 + thread_x();
    if (m < tokens) losses[m] = -log_probability({largest[m], sums[m]}, label_logits[m]);
}

// logits become scale * (softmax - onehot(label)), as T from the start of the same row: what a thread writes lies before everything that is
// still to be read. One block per row: blockDim.x = 128, gridDim.x = M.
template <typename T>
DEVICE void gradient(
    float* logits, const float* largest, const float* sums, const int* labels, const float* scales, long long stride, int first_word, int columns) {
    const int words_of_thread = 8;
    long long m = block_x();
    float* row = logits + m * stride;
    float log_of_sum = logarithm(sums[m]);
    float top = largest[m];
    float scale = scales[m];
    int label = labels[m] - first_word;
    #pragma unroll 1
    for (int first = thread_x(); first - (int)thread_x() < columns; first += 128 * words_of_thread) {
        float v[words_of_thread];
        #pragma unroll
        for (int i = 0; i < words_of_thread; i++) v[i] = first + 128 * i < columns ? row[first + 128 * i] : 0.0f;
        block_barrier();
        #pragma unroll
        for (int i = 0; i < words_of_thread; i++) {
            int word = first + 128 * i;
            float probability = exponential(v[i] - top - log_of_sum);
            if (word < columns) store((T*)row + word, (word == label ? probability - 1.0f : probability) * scale);
        }
    }
}

#define LOSS_HEAD(T) \
    KERNEL BOUNDS(128, 8) loss_head_gather_##T(T* gathered, const T* x, const int* trained_rows, int rows, int channels) { \
        gather(gathered, x, trained_rows, rows, channels); \
    } \
    KERNEL BOUNDS(128, 8) loss_head_scatter_##T(T* dx, const float* gathered, const int* trained_rows, int channels) { \
        scatter(dx, gathered, trained_rows, channels); \
    } \
    KERNEL BOUNDS(128, 8) loss_head_gradient_##T( \
        float* logits, const float* largest, const float* sums, const int* labels, const float* scales, long long stride, int first_word, \
        int columns) { \
        gradient<T>(logits, largest, sums, labels, scales, stride, first_word, columns); \
    }
LOSS_HEAD(bf16)
LOSS_HEAD(f16)
LOSS_HEAD(f32)
