/* A BERT-family sentence encoder in 16-bit integer arithmetic for x86-64 with AVX2.
 *
 * Weights are rounded to 12 bits per output column, activations to at most 16 bits per row. AVX2 multiplies
 * sixteen pairs of 16-bit integers in one instruction (vpmaddwd), twice what it does in float32, and the sums
 * are exact: a row's result never depends on its neighbours, so a text gets the same bits in any batch.
 * The caller picks each matrix's activation limit such that no 32-bit sum can overflow.
 */
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TILE 48  /* rows that go through the feed-forward part together: they stay in the second-level cache */
#define ROWS 6   /* rows of one register block */
#define COLS 16  /* columns of one register block */

typedef float vec __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(32), aligned(4), may_alias));

typedef struct {
    const int16_t *weight; /* [n / 16][k / 2][16][2] */
    const float *scale;    /* [n] */
    const float *bias;     /* [n] */
    int32_t n, k;
    float limit;           /* largest activation magnitude that cannot overflow */
} dense_t;

typedef struct {
    dense_t qkv, out, up, down;
    const float *norm1_weight, *norm1_bias, *norm2_weight, *norm2_bias;
} layer_t;

typedef struct {
    const float *words, *positions, *norm_weight, *norm_bias;
    const layer_t *layers;
    int32_t n_layers, hidden, inner, heads, pooling; /* pooling: 0 mean, 1 first token */
    float eps;
} model_t;

static inline vec load(const float *p) { return (vec)_mm256_loadu_ps(p); }
static inline void store(float *p, vec v) { _mm256_storeu_ps(p, (__m256)v); }
static inline vec fill(float x) { return (vec)_mm256_set1_ps(x); }
static inline vec larger(vec a, vec b) { return (vec)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vec smaller(vec a, vec b) { return (vec)_mm256_min_ps((__m256)a, (__m256)b); }
static inline vec magnitude(vec a) { return (vec)_mm256_andnot_ps(_mm256_set1_ps(-0.0f), (__m256)a); }

static inline float sum_of(vec v) {
    return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

static inline float largest_of(vec v) {
    float best = v[0];
    for (int i = 1; i < 8; i++) best = v[i] > best ? v[i] : best;
    return best;
}

/* e^x: 2^n by the exponent bits times the Taylor polynomial of e^r on |r| <= ln(2) / 2; relative error 2e-7. */
static inline vec exponential(vec x) {
    x = larger(smaller(x, fill(88.0f)), fill(-87.0f));
    vec n = (vec)_mm256_round_ps((__m256)(x * 1.44269504f), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = fill(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ivec power = ((ivec)_mm256_cvtps_epi32((__m256)n) + 127) << 23;
    return p * (vec)power;
}

/* x * Phi(x). (Phi(x) - 1/2) / x is even, so it is a polynomial in t = 2 (x / 5)^2 - 1, here of degree 12, fitted by
 * least squares at Chebyshev nodes on |x| <= 5; beyond, Phi is 0 or 1 to 3e-7. Absolute error below 2e-6. */
static const float phi[13] = {
    0.141363782f, -0.0702963333f, 0.051521f, -0.040441429f, 0.0314360508f, -0.0232758778f, 0.0164304329f,
    -0.0111465453f, 0.00635225209f, -0.00270450188f, 0.00177761359f, -0.00160602218f, 0.000589546627f};

static inline vec gelu(vec x) {
    vec y = larger(smaller(x, fill(5.0f)), fill(-5.0f));
    vec t = y * y * 0.08f - 1.0f, p = fill(phi[12]);
#pragma GCC unroll 12
    for (int i = 11; i >= 0; i--) p = p * t + phi[i];
    return x * (y * p + 0.5f);
}

/* Round one row to integers of at most `limit`; returns what one unit is worth. */
static float quantise(const float *row, int k, float limit, int16_t *out) {
    vec top = fill(0.0f);
    for (int i = 0; i < k; i += 8) top = larger(top, magnitude(load(row + i)));
    float most = largest_of(top);
    if (!(most > 1e-30f)) {
        memset(out, 0, (size_t)k * sizeof(int16_t));
        return 0.0f;
    }
    vec unit = fill(limit / most);
    for (int i = 0; i < k; i += 16) {
        __m256i low = _mm256_cvtps_epi32((__m256)(load(row + i) * unit));
        __m256i high = _mm256_cvtps_epi32((__m256)(load(row + i + 8) * unit));
        __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xD8);
        _mm256_storeu_si256((__m256i *)(out + i), both);
    }
    return most / limit;
}

static inline __attribute__((always_inline)) void multiply(
    const int16_t *a, size_t stride, const int16_t *b, int pairs, int32_t *c, int first, const int rows) {
    __m256i sums[ROWS][2];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        sums[r][0] = first ? _mm256_setzero_si256() : _mm256_loadu_si256((const __m256i *)(c + r * COLS));
        sums[r][1] = first ? _mm256_setzero_si256() : _mm256_loadu_si256((const __m256i *)(c + r * COLS + 8));
    }
    for (int p = 0; p < pairs; p++) {
        __m256i b0 = _mm256_loadu_si256((const __m256i *)(b + (size_t)p * 32));
        __m256i b1 = _mm256_loadu_si256((const __m256i *)(b + (size_t)p * 32 + 16));
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            int32_t pair;
            memcpy(&pair, a + r * stride + 2 * p, sizeof pair);
            __m256i both = _mm256_set1_epi32(pair);
            sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(both, b0));
            sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(both, b1));
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        _mm256_storeu_si256((__m256i *)(c + r * COLS), sums[r][0]);
        _mm256_storeu_si256((__m256i *)(c + r * COLS + 8), sums[r][1]);
    }
}

static void multiply_rows(const int16_t *a, size_t stride, const int16_t *b, int pairs, int32_t *c, int first, int rows) {
    switch (rows) {
    case 1: multiply(a, stride, b, pairs, c, first, 1); break;
    case 2: multiply(a, stride, b, pairs, c, first, 2); break;
    case 3: multiply(a, stride, b, pairs, c, first, 3); break;
    case 4: multiply(a, stride, b, pairs, c, first, 4); break;
    case 5: multiply(a, stride, b, pairs, c, first, 5); break;
    default: multiply(a, stride, b, pairs, c, first, 6); break;
    }
}

enum finish { PLAIN, GELU, ADD };

static void finish_block(const dense_t *d, const int32_t *c, const float *units, int rows, int column, float *out,
                         size_t stride, enum finish how) {
    vec s0 = load(d->scale + column), s1 = load(d->scale + column + 8);
    vec b0 = load(d->bias + column), b1 = load(d->bias + column + 8);
    for (int r = 0; r < rows; r++) {
        vec unit = fill(units[r]);
        float *to = out + r * stride + column;
        vec y0 = (vec)_mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(c + r * COLS))) * (unit * s0) + b0;
        vec y1 = (vec)_mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(c + r * COLS + 8))) * (unit * s1) + b1;
        if (how == GELU) {
            y0 = gelu(y0);
            y1 = gelu(y1);
        } else if (how == ADD) {
            y0 += load(to);
            y1 += load(to + 8);
        }
        store(to, y0);
        store(to + 8, y1);
    }
}

/* out[rows][n] (=, or += for ADD) of a[rows][k]; at most TILE rows. */
#define DEPTH 384 /* of a weight panel that is used while it lies in the first-level cache */
static void dense(const dense_t *d, const int16_t *a, const float *units, int rows, float *out, enum finish how) {
    int32_t sums[TILE * COLS];
    int blocks = (rows + ROWS - 1) / ROWS;
    for (int column = 0; column < d->n; column += COLS) {
        const int16_t *panel = d->weight + (size_t)column * d->k;
        for (int k = 0; k < d->k; k += DEPTH) {
            int depth = d->k - k < DEPTH ? d->k - k : DEPTH;
            for (int i = 0; i < blocks; i++) {
                int begin = i * rows / blocks, end = (i + 1) * rows / blocks;
                multiply_rows(a + (size_t)begin * d->k + k, d->k, panel + (size_t)k * COLS, depth / 2, sums + begin * COLS,
                              k == 0, end - begin);
            }
        }
        finish_block(d, sums, units, rows, column, out, d->n, how);
    }
}

static void quantise_rows(const dense_t *d, const float *x, int rows, int16_t *a, float *units) {
    for (int r = 0; r < rows; r++) units[r] = quantise(x + (size_t)r * d->k, d->k, d->limit, a + (size_t)r * d->k);
}

static void normalise(float *row, int n, const float *weight, const float *bias, float eps) {
    vec total = fill(0.0f), spread = fill(0.0f);
    for (int i = 0; i < n; i += 8) total += load(row + i);
    vec mean = fill(sum_of(total) / n);
    for (int i = 0; i < n; i += 8) {
        vec gap = load(row + i) - mean;
        spread += gap * gap;
    }
    vec inverse = fill(1.0f / sqrtf(sum_of(spread) / n + eps));
    for (int i = 0; i < n; i += 8) store(row + i, (load(row + i) - mean) * inverse * load(weight + i) + load(bias + i));
}

/* Softmax over scores[length], padded to `padded`; leaves exponentials and returns one over their sum. */
static float soften(float *scores, int length, int padded) {
    for (int j = length; j < padded; j++) scores[j] = -1e30f;
    vec top = load(scores);
    for (int j = 8; j < padded; j += 8) top = larger(top, load(scores + j));
    vec best = fill(largest_of(top)), total = fill(0.0f);
    for (int j = 0; j < padded; j += 8) {
        vec e = exponential(load(scores + j) - best);
        store(scores + j, e);
    }
    for (int j = length; j < padded; j++) scores[j] = 0.0f;
    for (int j = 0; j < padded; j += 8) total += load(scores + j);
    return 1.0f / sum_of(total);
}

#define QUERIES 4
/* One head of one text: q, k, v are rows of `stride` floats; keys: [size][padded], scores: [QUERIES][padded]. */
static void attend(const float *q, const float *k, const float *v, size_t stride, int length, int size, float *out,
                   size_t out_stride, float *keys, float *scores) {
    int padded = (length + 7) & ~7;
    for (int j = 0; j < length; j++)
        for (int d = 0; d < size; d++) keys[(size_t)d * padded + j] = k[j * stride + d];
    for (int d = 0; d < size; d++)
        for (int j = length; j < padded; j++) keys[(size_t)d * padded + j] = 0.0f;
    for (int i = 0; i < length; i += QUERIES) {
        const float *row[QUERIES];
        float inverse[QUERIES];
        int count = length - i < QUERIES ? length - i : QUERIES;
#pragma GCC unroll 4
        for (int r = 0; r < QUERIES; r++) row[r] = q + (i + (r < count ? r : count - 1)) * stride;
        for (int j = 0; j < padded; j += 8) {
            vec s[QUERIES] = {{0}};
            for (int d = 0; d < size; d++) {
                vec key = load(keys + (size_t)d * padded + j);
#pragma GCC unroll 4
                for (int r = 0; r < QUERIES; r++) s[r] += row[r][d] * key;
            }
#pragma GCC unroll 4
            for (int r = 0; r < QUERIES; r++) store(scores + (size_t)r * padded + j, s[r]);
        }
        for (int r = 0; r < QUERIES; r++) inverse[r] = soften(scores + (size_t)r * padded, length, padded);
        for (int d = 0; d < size; d += 16) {
            vec s[QUERIES][2] = {{{0}}};
            for (int j = 0; j < length; j++) {
                vec v0 = load(v + j * stride + d), v1 = load(v + j * stride + d + 8);
#pragma GCC unroll 4
                for (int r = 0; r < QUERIES; r++) {
                    float share = scores[(size_t)r * padded + j];
                    s[r][0] += share * v0;
                    s[r][1] += share * v1;
                }
            }
#pragma GCC unroll 4
            for (int r = 0; r < QUERIES; r++) {
                if (r >= count) break;
                store(out + (i + r) * out_stride + d, s[r][0] * inverse[r]);
                store(out + (i + r) * out_stride + d + 8, s[r][1] * inverse[r]);
            }
        }
    }
}

typedef struct {
    float *x, *qkv, *context, *inner, *keys, *scores, *units;
    int16_t *a;
} work_t;

static size_t lay_out(const model_t *m, size_t tokens, size_t longest, char *base, work_t *w) {
    size_t h = m->hidden, size = h / m->heads, padded = (longest + 7) & ~(size_t)7, at = 0;
#define PLACE(field, bytes) w->field = (void *)(base + at); at += ((bytes) + 63) & ~(size_t)63
    PLACE(x, tokens * h * 4);
    PLACE(qkv, tokens * 3 * h * 4);
    PLACE(context, tokens * h * 4);
    PLACE(inner, (size_t)TILE * m->inner * 4);
    PLACE(keys, size * padded * 4);
    PLACE(scores, QUERIES * padded * 4);
    PLACE(units, TILE * 4);
    PLACE(a, (size_t)TILE * (m->inner > m->hidden ? m->inner : m->hidden) * 2);
#undef PLACE
    return at + 64;
}

/* Whether this processor can run what is below. */
int homegrown_supported(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

/* Bytes of working memory that homegrown_encode needs for so many tokens in all and in the longest text. */
size_t homegrown_workspace(const model_t *m, int32_t tokens, int32_t longest) {
    work_t w;
    return lay_out(m, tokens, longest, 0, &w);
}

static void run_layer(const model_t *m, const layer_t *layer, const int32_t *lengths, int n_texts, int tokens, work_t *w) {
    int h = m->hidden, size = h / m->heads;
    for (int t = 0; t < tokens; t += TILE) {
        int rows = tokens - t < TILE ? tokens - t : TILE;
        quantise_rows(&layer->qkv, w->x + (size_t)t * h, rows, w->a, w->units);
        dense(&layer->qkv, w->a, w->units, rows, w->qkv + (size_t)t * 3 * h, PLAIN);
    }
    for (int i = 0, at = 0; i < n_texts; at += lengths[i++])
        for (int head = 0; head < m->heads; head++) {
            const float *q = w->qkv + (size_t)at * 3 * h + head * size;
            attend(q, q + h, q + 2 * h, 3 * (size_t)h, lengths[i], size, w->context + (size_t)at * h + head * size, h, w->keys,
                   w->scores);
        }
    for (int t = 0; t < tokens; t += TILE) {
        int rows = tokens - t < TILE ? tokens - t : TILE;
        float *x = w->x + (size_t)t * h;
        quantise_rows(&layer->out, w->context + (size_t)t * h, rows, w->a, w->units);
        dense(&layer->out, w->a, w->units, rows, x, ADD);
        for (int r = 0; r < rows; r++) normalise(x + (size_t)r * h, h, layer->norm1_weight, layer->norm1_bias, m->eps);
        quantise_rows(&layer->up, x, rows, w->a, w->units);
        dense(&layer->up, w->a, w->units, rows, w->inner, GELU);
        quantise_rows(&layer->down, w->inner, rows, w->a, w->units);
        dense(&layer->down, w->a, w->units, rows, x, ADD);
        for (int r = 0; r < rows; r++) normalise(x + (size_t)r * h, h, layer->norm2_weight, layer->norm2_bias, m->eps);
    }
}

/* Pooled, not yet normalised vectors out[n_texts][hidden] of texts given as concatenated token ids. */
void homegrown_encode(const model_t *m, const int32_t *ids, const int32_t *lengths, int32_t n_texts, float *out, char *memory) {
    int h = m->hidden, tokens = 0, longest = 0;
    for (int i = 0; i < n_texts; i++) {
        tokens += lengths[i];
        longest = lengths[i] > longest ? lengths[i] : longest;
    }
    work_t w;
    lay_out(m, tokens, longest, (char *)(((uintptr_t)memory + 63) & ~(uintptr_t)63), &w);
    for (int i = 0, t = 0; i < n_texts; i++)
        for (int p = 0; p < lengths[i]; p++, t++) {
            float *x = w.x + (size_t)t * h;
            const float *word = m->words + (size_t)ids[t] * h, *place = m->positions + (size_t)p * h;
            for (int d = 0; d < h; d += 8) store(x + d, load(word + d) + load(place + d));
            normalise(x, h, m->norm_weight, m->norm_bias, m->eps);
        }
    for (int l = 0; l < m->n_layers; l++) run_layer(m, m->layers + l, lengths, n_texts, tokens, &w);
    for (int i = 0, t = 0; i < n_texts; t += lengths[i++]) {
        int take = m->pooling ? 1 : lengths[i];
        for (int d = 0; d < h; d += 8) {
            vec total = fill(0.0f);
            for (int p = 0; p < take; p++) total += load(w.x + (size_t)(t + p) * h + d);
            store(out + (size_t)i * h + d, total * (1.0f / take));
        }
    }
}
