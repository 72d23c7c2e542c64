/* All steps of a GRU over packed sentences. torch would need hundreds of small operations.

   `real` is float, or double if DOUBLE is defined. Matrices are stored by rows. packed_gru.py
   explains packed sentences and gives the equations. Its r, z and n are reset, update and new here,
   and its H is `width`. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

#ifdef DOUBLE
typedef double real;
#define expm1_real expm1
#else
typedef float real;

/* Return exp(x) - 1 = 2^k (exp(r) - 1) + (2^k - 1) where x = k ln 2 + r and k is an integer.
   There is no branch, so the compiler can vectorise the function. */
INLINE float expm1_real(float x) {
    const float rounder = 12582912; /* 1.5 * 2^23: a number added to it is rounded to an integer */
    float rounded = x * 1.44269504f + rounder, k = rounded - rounder;
    float r = x - k * 0.693145752f - k * 1.42860677e-6f;
    float series = 1.0f / 5040;
    series = series * r + 1.0f / 720;
    series = series * r + 1.0f / 120;
    series = series * r + 1.0f / 24;
    series = series * r + 1.0f / 6;
    series = series * r + 0.5f;
    series = series * r * r + r;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    bits = (bits + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return power * series + (power - 1);
}
#endif

/* Limit x to the range from -80 to 80. Outside it, a gate is 0 or 1 to the last bit, and exp
   would overflow. NaN stays NaN. */
INLINE real clamp_80(real x) {
    x = x > 80 ? 80 : x;
    return x < -80 ? -80 : x;
}

/* Return exactly 0 below -80, so that an infinite state times it gives NaN, as in torch. */
INLINE real sigmoid(real x) { return x < -80 ? 0 : 1 / (2 + expm1_real(clamp_80(-x))); }

INLINE real hyperbolic_tangent(real x) {
    real e = expm1_real(clamp_80(2 * x));
    return e / (e + 2);
}

/* A block of sums consists of ROWS x PARTS vectors, which fit into the registers. */
#ifdef __AVX512F__
enum { VECTOR_BYTES = 64, ROWS = 6, PARTS = 4 };
#else
enum { VECTOR_BYTES = 32, ROWS = 2, PARTS = 4 };
#endif
typedef real vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
enum { LANES = VECTOR_BYTES / sizeof(real), BLOCK = PARTS * LANES };

/* sums (rows, width) += factors (rows, depth) @ weights (depth, width) */
INLINE void multiply_rows(int rows, const real *restrict factors, int64_t depth,
                          const real *restrict weights, int64_t width, real *restrict sums) {
    int64_t column = 0;
    for (; column + BLOCK <= width; column += BLOCK) {
        vector sum[ROWS][PARTS];
        for (int row = 0; row < rows; row++)
            for (int part = 0; part < PARTS; part++)
                sum[row][part] = *(const vector *)(sums + row * width + column + part * LANES);
        for (int64_t k = 0; k < depth; k++)
            for (int part = 0; part < PARTS; part++) {
                vector weight = *(const vector *)(weights + k * width + column + part * LANES);
                for (int row = 0; row < rows; row++)
                    sum[row][part] += factors[row * depth + k] * weight;
            }
        for (int row = 0; row < rows; row++)
            for (int part = 0; part < PARTS; part++)
                *(vector *)(sums + row * width + column + part * LANES) = sum[row][part];
    }
    for (; column < width; column++)
        for (int row = 0; row < rows; row++)
            for (int64_t k = 0; k < depth; k++)
                sums[row * width + column] += factors[row * depth + k] * weights[k * width + column];
}

/* Do the same as multiply_rows for 1 to ROWS rows, with specialised code for each number. */
static void multiply(int rows, const real *factors, int64_t depth, const real *weights,
                     int64_t width, real *sums) {
    if (rows == 1) multiply_rows(1, factors, depth, weights, width, sums);
    if (rows == 2) multiply_rows(2, factors, depth, weights, width, sums);
#ifdef __AVX512F__
    if (rows == 3) multiply_rows(3, factors, depth, weights, width, sums);
    if (rows == 4) multiply_rows(4, factors, depth, weights, width, sums);
    if (rows == 5) multiply_rows(5, factors, depth, weights, width, sums);
    if (rows == 6) multiply_rows(6, factors, depth, weights, width, sums);
#endif
}

/* Return how many of the sentences `first` to `first + ROWS - 1` are numbered below `size`. */
INLINE int active_rows(int64_t size, int64_t first) {
    return size <= first ? 0 : size - first < ROWS ? (int)(size - first) : ROWS;
}

/* Compute gates (P, 3H), products (P, 3H) of hidden states and weights, and outputs (P, H), from
   weights (H, 3H), bias (3H), and the initial state (B, H). At first `gates` must hold the products
   of the inputs. At step t, sizes[t] sentences have a token. Each thread computes all steps of its
   sentences, so no thread waits for another. */
void gru_forward(int64_t threads, int64_t steps, int64_t width, const int64_t *sizes,
                 const real *weights, const real *bias, const real *state, real *gates,
                 real *products, real *outputs) {
    int64_t blocks = (sizes[0] + ROWS - 1) / ROWS;
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (blocks > 1)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t first = block * ROWS, row = first;
        const real *previous = state + first * width;
        for (int64_t step = 0; step < steps; row += sizes[step++]) {
            int rows = active_rows(sizes[step], first);
            real *product = products + row * 3 * width, *gate = gates + row * 3 * width;
            real *output = outputs + row * width;
            for (int i = 0; i < rows; i++)
                memcpy(product + i * 3 * width, bias, 3 * width * sizeof(real));
            multiply(rows, previous, width, weights, 3 * width, product);
            for (int i = 0; i < rows; i++, product += 3 * width, gate += 3 * width) {
#pragma omp simd
                for (int64_t j = 0; j < width; j++) {
                    real reset = sigmoid(gate[j] + product[j]);
                    real update = sigmoid(gate[width + j] + product[width + j]);
                    real new = hyperbolic_tangent(gate[2 * width + j] + reset * product[2 * width + j]);
                    gate[j] = reset;
                    gate[width + j] = update;
                    gate[2 * width + j] = new;
                    output[i * width + j] = new + update * (previous[i * width + j] - new);
                }
            }
            previous = output;
        }
    }
}

/* Compute gradients: grad_hidden (P, 3H) for the products of the hidden states, grad_input (P, 3H)
   for those of the inputs, and grad_state (B, H) for the initial state. At first grad_state must
   hold zeros. Also copy the state before each token to previous (P, H). Here weights are (3H, H). */
void gru_backward(int64_t threads, int64_t steps, int64_t width, const int64_t *sizes,
                  const real *weights, const real *state, const real *gates, const real *products,
                  const real *outputs, const real *grad_outputs, real *previous, real *grad_hidden,
                  real *grad_input, real *grad_state) {
    int64_t blocks = (sizes[0] + ROWS - 1) / ROWS, tokens = 0;
    for (int64_t step = 0; step < steps; step++) tokens += sizes[step];
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (blocks > 1)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t first = block * ROWS, row = tokens + first;
        for (int64_t step = steps - 1; step >= 0; step--) {
            row -= sizes[step];
            int rows = active_rows(sizes[step], first);
            real *carry = grad_state + first * width;
            const real *last = step ? outputs + (row - sizes[step - 1]) * width : state + first * width;
            if (rows) memcpy(previous + row * width, last, rows * width * sizeof(real));
            for (int i = 0; i < rows; i++) {
                const real *gate = gates + (row + i) * 3 * width;
                const real *product = products + (row + i) * 3 * width;
                const real *gradient = grad_outputs + (row + i) * width;
                real *hidden = grad_hidden + (row + i) * 3 * width;
                real *input = grad_input + (row + i) * 3 * width;
#pragma omp simd
                for (int64_t j = 0; j < width; j++) {
                    real reset = gate[j], update = gate[width + j], new = gate[2 * width + j];
                    real total = gradient[j] + carry[i * width + j];
                    real grad_new = total * (1 - update) * (1 - new * new);
                    real grad_reset = grad_new * product[2 * width + j] * reset * (1 - reset);
                    real grad_update = total * (last[i * width + j] - new) * update * (1 - update);
                    input[j] = hidden[j] = grad_reset;
                    input[width + j] = hidden[width + j] = grad_update;
                    input[2 * width + j] = grad_new;
                    hidden[2 * width + j] = grad_new * reset;
                    carry[i * width + j] = total * update;
                }
            }
            multiply(rows, grad_hidden + row * 3 * width, 3 * width, weights, width, carry);
        }
    }
}
