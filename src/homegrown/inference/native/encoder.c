/* A BERT-family sentence encoder in 16-bit integer arithmetic for x86-64.
 *
 * Weights are rounded to 12 bits per output column, activations to at most 16 bits per row. One instruction multiplies
 * sixteen pairs of 16-bit integers with AVX2 (vpmaddwd), thirty-two and adds them up with AVX-512 VNNI (vpdpwssd): twice
 * what float32 does. The sums are exact: a row's result never depends on its neighbours, so a text gets the same bits
 * in any batch. The caller picks each matrix's activation limit such that no 32-bit sum can overflow.
 * Compiled once per width; what differs between the two stands in the next forty lines and in `multiply`.
 */
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512VNNI__
#define WIDTH 16 /* floats of one register */
#define IS(name, ...) _mm512_##name(__VA_ARGS__)
typedef __m512 raw;
typedef __m512i iraw;
#else
#define WIDTH 8  /* floats of one register */
#define IS(name, ...) _mm256_##name(__VA_ARGS__)
typedef __m256 raw;
typedef __m256i iraw;
#endif
#define ROWS 6              /* rows of one register block */
#define EACH 2              /* registers of one row of it */
#define COLS (EACH * WIDTH) /* columns of one register block */
#define TILE 48             /* rows that go through the feed-forward part together: they stay in the second-level cache */

typedef float vec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * WIDTH), aligned(4), may_alias));

typedef struct {
    const int16_t *weight; /* [n / COLS][k / 2][COLS][2] */
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

static inline vec load(const float *p) { return *(const vec *)p; }
static inline void store(float *p, vec v) { *(vec *)p = v; }
static inline vec fill(float x) { return (vec)IS(set1_ps, x); }
static inline vec larger(vec a, vec b) { return (vec)IS(max_ps, (raw)a, (raw)b); }
static inline vec smaller(vec a, vec b) { return (vec)IS(min_ps, (raw)a, (raw)b); }
static inline vec magnitude(vec a) { return (vec)((ivec)a & 0x7fffffff); }
static inline ivec nearest(vec a) { return (ivec)IS(cvtps_epi32, (raw)a); }
static inline vec real(ivec a) { return (vec)IS(cvtepi32_ps, (iraw)a); }

static inline float sum_of(vec v) {
    float total = 0.0f;
    for (int half = WIDTH / 2, i = 0; i < half; i++) total += v[i] + v[i + half];
    return total;
}

static inline float largest_of(vec v) {
    float best = v[0];
    for (int i = 1; i < WIDTH; i++) best = v[i] > best ? v[i] : best;
    return best;
}

/* e^x: 2^n by the exponent bits times the Taylor polynomial of e^r on |r| <= ln(2) / 2; relative error 2e-7. */
static inline vec exponential(vec x) {
    x = larger(smaller(x, fill(88.0f)), fill(-87.0f));
    ivec whole = nearest(x * 1.44269504f);
    vec n = real(whole);
    vec r = x - n * 0.693359375f + n * 2.12194440e-4f;
    vec p = fill(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ivec power = (whole + 127) << 23;
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
#pragma GCC unroll 6
    for (int i = 11; i >= 0; i--) p = p * t + phi[i];
    return x * (y * p + 0.5f);
}

/* Round one row to integers of at most `limit`; returns what one unit is worth. */
static float quantise(const float *row, int k, float limit, int16_t *out) {
    vec top = fill(0.0f);
    for (int i = 0; i < k; i += WIDTH) top = larger(top, magnitude(load(row + i)));
    float most = largest_of(top);
    if (!(most > 1e-30f)) {
        memset(out, 0, (size_t)k * sizeof(int16_t));
        return 0.0f;
    }
    vec unit = fill(limit / most);
    for (int i = 0; i < k; i += WIDTH) {
        ivec whole = nearest(load(row + i) * unit);
#if WIDTH == 16
        _mm256_storeu_si256((__m256i *)(out + i), _mm512_cvtepi32_epi16((iraw)whole));
#else
        __m128i low = _mm256_castsi256_si128((iraw)whole), high = _mm256_extracti128_si256((iraw)whole, 1);
        _mm_storeu_si128((__m128i *)(out + i), _mm_packs_epi32(low, high));
#endif
    }
    return most / limit;
}

/* c[rows][COLS] (+)= a[rows][2 * pairs] times one panel; the sums of a row fill EACH registers. */
static inline __attribute__((always_inline)) void multiply(
    const int16_t *a, size_t stride, const int16_t *b, int pairs, int32_t *c, int first, const int rows) {
    ivec sums[ROWS][EACH];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int e = 0; e < EACH; e++) sums[r][e] = first ? (ivec){0} : *(const ivec *)(c + r * COLS + e * WIDTH);
    for (int p = 0; p < pairs; p++) {
        iraw panel[EACH];
#pragma GCC unroll 2
        for (int e = 0; e < EACH; e++) panel[e] = (iraw) * (const ivec *)(b + (size_t)p * 2 * COLS + e * 2 * WIDTH);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            int32_t pair;
            memcpy(&pair, a + r * stride + 2 * p, sizeof pair);
            iraw both = IS(set1_epi32, pair);
#pragma GCC unroll 2
            for (int e = 0; e < EACH; e++)
#if WIDTH == 16
                sums[r][e] = (ivec)_mm512_dpwssd_epi32((iraw)sums[r][e], both, panel[e]);
#else
                sums[r][e] += (ivec)_mm256_madd_epi16(both, panel[e]);
#endif
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int e = 0; e < EACH; e++) *(ivec *)(c + r * COLS + e * WIDTH) = sums[r][e];
}

static void multiply_rows(const int16_t *a, size_t stride, const int16_t *b, int pairs, int32_t *c, int first, int rows) {
    switch (rows) {
    case 1: multiply(a, stride, b, pairs, c, first, 1); break;
    case 2: multiply(a, stride, b, pairs, c, first, 2); break;
    case 3: multiply(a, stride, b, pairs, c, first, 3); break;
    case 4: multiply(a, stride, b, pairs, c, first, 4); break;
    case 5: multiply(a, stride, b, pairs, c, first, 5); break;
    default: multiply(a, stride, b, pairs, c, first, ROWS); break;
    }
}

enum finish { PLAIN, GELU, ADD };

static void finish_block(const dense_t *d, const int32_t *c, const float *units, int rows, int column, float *out,
                         size_t stride, enum finish how) {
    for (int e = 0; e < EACH; e++) {
        int at = column + e * WIDTH;
        vec scale = load(d->scale + at), bias = load(d->bias + at);
        for (int r = 0; r < rows; r++) {
            float *to = out + r * stride + at;
            vec y = real(*(const ivec *)(c + r * COLS + e * WIDTH)) * (units[r] * scale) + bias;
            if (how == GELU) y = gelu(y);
            else if (how == ADD) y += load(to);
            store(to, y);
        }
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
    for (int i = 0; i < n; i += WIDTH) total += load(row + i);
    vec mean = fill(sum_of(total) / n);
    for (int i = 0; i < n; i += WIDTH) {
        vec gap = load(row + i) - mean;
        spread += gap * gap;
    }
    vec inverse = fill(1.0f / sqrtf(sum_of(spread) / n + eps));
    for (int i = 0; i < n; i += WIDTH) store(row + i, (load(row + i) - mean) * inverse * load(weight + i) + load(bias + i));
}

/* Softmax over scores[length], padded to `padded`; leaves exponentials and returns one over their sum. */
static float soften(float *scores, int length, int padded) {
    for (int j = length; j < padded; j++) scores[j] = -1e30f;
    vec top = load(scores);
    for (int j = WIDTH; j < padded; j += WIDTH) top = larger(top, load(scores + j));
    vec best = fill(largest_of(top)), total = fill(0.0f);
    for (int j = 0; j < padded; j += WIDTH) {
        vec e = exponential(load(scores + j) - best);
        store(scores + j, e);
    }
    for (int j = length; j < padded; j++) scores[j] = 0.0f;
    for (int j = 0; j < padded; j += WIDTH) total += load(scores + j);
    return 1.0f / sum_of(total);
}

#define QUERIES 4
/* One head of one text: q, k, v are rows of `stride` floats; keys: [size][padded], scores: [QUERIES][padded]. */
static void attend(const float *q, const float *k, const float *v, size_t stride, int length, int size, float *out,
                   size_t out_stride, float *keys, float *scores) {
    int padded = (length + WIDTH - 1) & -WIDTH;
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
        for (int j = 0; j < padded; j += WIDTH) {
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
        for (int d = 0; d < size; d += 2 * WIDTH) {
            vec s[QUERIES][2] = {{{0}}};
            for (int j = 0; j < length; j++) {
                vec v0 = load(v + j * stride + d), v1 = load(v + j * stride + d + WIDTH);
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
                store(out + (i + r) * out_stride + d + WIDTH, s[r][1] * inverse[r]);
            }
        }
    }
}

typedef struct {
    float *x, *qkv, *context, *inner, *keys, *scores, *units;
    int16_t *a;
} work_t;

static size_t lay_out(const model_t *m, size_t tokens, size_t longest, char *base, work_t *w) {
    size_t h = m->hidden, size = h / m->heads, padded = (longest + WIDTH - 1) & -(size_t)WIDTH, at = 0;
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

/* Whether this processor, and an encoder of these sizes, can be run by what is below. */
int homegrown_supported(void) {
#if WIDTH == 16
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
#else
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
}

/* Columns of one panel of weights; what the sizes of the matrices and of a head must be multiples of, too. */
int homegrown_columns(void) { return COLS; }

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

static int embed(const model_t *m, const int32_t *ids, const int32_t *lengths, int32_t n_texts, char *memory, work_t *w) {
    int h = m->hidden, tokens = 0, longest = 0;
    for (int i = 0; i < n_texts; i++) {
        tokens += lengths[i];
        longest = lengths[i] > longest ? lengths[i] : longest;
    }
    lay_out(m, tokens, longest, (char *)(((uintptr_t)memory + 63) & ~(uintptr_t)63), w);
    for (int i = 0, t = 0; i < n_texts; i++)
        for (int p = 0; p < lengths[i]; p++, t++) {
            float *x = w->x + (size_t)t * h;
            const float *word = m->words + (size_t)ids[t] * h, *place = m->positions + (size_t)p * h;
            for (int d = 0; d < h; d += WIDTH) store(x + d, load(word + d) + load(place + d));
            normalise(x, h, m->norm_weight, m->norm_bias, m->eps);
        }
    return tokens;
}

/* Pooled, not yet normalised vectors out[n_texts][hidden] of texts given as concatenated token ids. */
void homegrown_encode(const model_t *m, const int32_t *ids, const int32_t *lengths, int32_t n_texts, float *out, char *memory) {
    work_t w;
    int h = m->hidden, tokens = embed(m, ids, lengths, n_texts, memory, &w);
    for (int l = 0; l < m->n_layers; l++) run_layer(m, m->layers + l, lengths, n_texts, tokens, &w);
    for (int i = 0, t = 0; i < n_texts; t += lengths[i++]) {
        int take = m->pooling ? 1 : lengths[i];
        for (int d = 0; d < h; d += WIDTH) {
            vec total = fill(0.0f);
            for (int p = 0; p < take; p++) total += load(w.x + (size_t)(t + p) * h + d);
            store(out + (size_t)i * h + d, total * (1.0f / take));
        }
    }
}

/* States out[tokens][hidden] of every token: the mean of what the layers first to last leave. What lies above is not run. */
void homegrown_states(const model_t *m, const int32_t *ids, const int32_t *lengths, int32_t n_texts, int32_t first,
                      int32_t last, float *out, char *memory) {
    work_t w;
    int h = m->hidden, tokens = embed(m, ids, lengths, n_texts, memory, &w);
    size_t n = (size_t)tokens * h;
    vec share = fill(1.0f / (last - first + 1));
    memset(out, 0, n * sizeof(float));
    for (int l = 1; l <= last; l++) {
        run_layer(m, m->layers + l - 1, lengths, n_texts, tokens, &w);
        if (l < first) continue;
        for (size_t i = 0; i < n; i += WIDTH) store(out + i, load(out + i) + load(w.x + i) * share);
    }
}
