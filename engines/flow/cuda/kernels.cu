// TV-L1 optical flow on the GPU: the kernels of backend "cuda".
//
// The same source runs in two ways. NVRTC compiles it for a GPU. A C++ compiler compiles it for the host, with
// shim.h in front, so that it can be tested without a GPU: there the threads of a block take turns. Therefore a
// kernel is a sequence of phases, EACH_THREAD(t) { ... }, that share nothing but memory, with TOGETHER between them.
//
// All blocks have THREADS threads. Images are float32 rows of a pair one after another: [pair][plane][y * width + x].
// blockIdx.y is the pair (or the picture), blockIdx.z the plane, where there are several.

#ifdef __CUDACC__
#define KERNEL extern "C" __global__ void __launch_bounds__(THREADS)
#define SHARED __shared__
#define EACH_THREAD(t) for (int t = threadIdx.x; t < THREADS; t += THREADS)
#define TOGETHER __syncthreads()
#define INLINE __device__ __forceinline__
#endif

#define THREADS 512
// A block of the fused iterations loads REGION x REGION pixels and finishes the inner ones: each of the FUSED
// iterations spoils one more pixel along every edge, because it needs neighbours that the block does not have.
#define REGION 32
#define CELLS (REGION * REGION)
#define FUSED 5
#define TILE (REGION - 2 * FUSED)
#define TINY 1.1920929e-07f

INLINE int clamp(int value, int low, int high) { return value < low ? low : value > high ? high : value; }
INLINE float square(float value) { return value * value; }

// The sum over a block, in an order that does not depend on timing. `sums` has THREADS values, one a thread.
#define SUM_UP(sums)                                                                                      \
    for (int half = THREADS / 2; half > 0; half /= 2) {                                                    \
        TOGETHER;                                                                                         \
        EACH_THREAD(t) if (t < half) sums[t] += sums[t + half];                                            \
    }                                                                                                     \
    TOGETHER

// ---------------------------------------------------------------- light: see engines/flow/light.py

// Mean over 2 * radius + 1 pixels along x (step 1) or y, edges repeated; of the squares if asked.
KERNEL box(const float* in, float* out, int height, int width, int radius, int vertical, int squared) {
    const int area = height * width;
    in += (size_t)blockIdx.y * area;
    out += (size_t)blockIdx.y * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const int y = i / width, x = i - y * width;
        float sum = 0;
        for (int k = -radius; k <= radius; ++k) {
            const float value = vertical ? in[clamp(y + k, 0, height - 1) * width + x] : in[y * width + clamp(x + k, 0, width - 1)];
            sum += squared ? value * value : value;
        }
        out[i] = sum / (2 * radius + 1);
    }
}

// image - average, in place.
KERNEL detail(float* image, const float* average, int area) {
    image += (size_t)blockIdx.y * area;
    average += (size_t)blockIdx.y * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i < area) image[i] -= average[i];
    }
}

// Standard deviation of a whole picture; one block a picture.
KERNEL deviation(const float* image, float* result, int area) {
    SHARED float sums[THREADS];
    SHARED float mean;
    image += (size_t)blockIdx.y * area;
    EACH_THREAD(t) {
        float sum = 0;
        for (int i = t; i < area; i += THREADS) sum += image[i];
        sums[t] = sum;
    }
    SUM_UP(sums);
    EACH_THREAD(t) if (t == 0) mean = sums[0] / area;
    TOGETHER;
    EACH_THREAD(t) {
        float sum = 0;
        for (int i = t; i < area; i += THREADS) sum += square(image[i] - mean);
        sums[t] = sum;
    }
    SUM_UP(sums);
    EACH_THREAD(t) if (t == 0) result[blockIdx.y] = sqrtf(sums[0] / area);
}

// Detail over its local deviation; the apex, in the second half of the pictures, is first matched to the onset.
KERNEL contrast(float* image, const float* average, const float* deviations, int area, int pairs, float floor_,
                float level, float gain_limit) {
    const int picture = blockIdx.y;
    float gain = 1;
    if (picture >= pairs) {
        gain = deviations[picture - pairs] / fmaxf(deviations[picture], 1e-3f);
        gain = fminf(fmaxf(gain, 1 / gain_limit), gain_limit);
    }
    image += (size_t)picture * area;
    average += (size_t)picture * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const float local = sqrtf(fmaxf(average[i] * gain * gain, 0.0f));
        image[i] = image[i] * gain * (level / (local + floor_));
    }
}

// ---------------------------------------------------------------- pyramid: see engines/flow/cpu/warping.py

INLINE float bilinear(const float* in, int height, int width, float at_y, float at_x) {
    at_y = fminf(fmaxf(at_y, 0.0f), height - 1.0f);
    at_x = fminf(fmaxf(at_x, 0.0f), width - 1.0f);
    const int top = (int)at_y, left = (int)at_x;
    const int bottom = top + 1 < height ? top + 1 : top, right = left + 1 < width ? left + 1 : left;
    const float share_y = at_y - top, share_x = at_x - left;
    const float above = in[top * width + left] + (in[top * width + right] - in[top * width + left]) * share_x;
    const float below = in[bottom * width + left] + (in[bottom * width + right] - in[bottom * width + left]) * share_x;
    return above + (below - above) * share_y;
}

// Half-pixel centres, edges repeated, times a factor. Shrinks pictures and enlarges flows.
KERNEL resize(const float* in, float* out, int in_height, int in_width, int height, int width, float step_y,
              float step_x, float factor) {
    in += (size_t)blockIdx.y * in_height * in_width;
    out += (size_t)blockIdx.y * height * width;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= height * width) continue;
        const int y = i / width, x = i - y * width;
        out[i] = factor * bilinear(in, in_height, in_width, (y + 0.5f) * step_y - 0.5f, (x + 0.5f) * step_x - 0.5f);
    }
}

KERNEL clear(float* out, int count) {
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i < count) out[i] = 0;
    }
}

// Brightness and its two derivatives, three planes: half the difference of the neighbours, one-sided at an edge.
KERNEL derive(const float* in, float* out, int height, int width) {
    const int area = height * width;
    in += (size_t)blockIdx.y * area;
    out += (size_t)blockIdx.y * 3 * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const int y = i / width, x = i - y * width;
        out[i] = in[i];
        out[area + i] = 0.5f * (in[x + 1 < width ? i + 1 : i] - in[x > 0 ? i - 1 : i]);
        out[2 * area + i] = 0.5f * (in[y + 1 < height ? i + width : i] - in[y > 0 ? i - width : i]);
    }
}

// ---------------------------------------------------------------- warp

// Samples the apex and its derivatives at (x + u, y + v) by a cubic kernel, and linearises the brightness difference.
// `constants`, four planes: ix, iy, the difference at zero flow, one over the squared gradient.
KERNEL warp(const float* samples, const float* onset, const float* flow, float* constants, const float* weights,
            int height, int width, int shift, int repeat_edges) {
    const int area = height * width, fractions = 1 << shift;
    samples += (size_t)blockIdx.y * 3 * area;
    onset += (size_t)blockIdx.y * area;
    flow += (size_t)blockIdx.y * 2 * area;
    constants += (size_t)blockIdx.y * 4 * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const int y = i / width, x = i - y * width;
        const float u = flow[i], v = flow[area + i];
        // A flow out of its mind must not overflow the whole number.
        const float far_ = 1e6f;
        const int at_x = (int)rintf(fminf(fmaxf(x + u, -far_), far_) * fractions);
        const int at_y = (int)rintf(fminf(fmaxf(y + v, -far_), far_) * fractions);
        const float* across = weights + 4 * (at_x & (fractions - 1));
        const float* down = weights + 4 * (at_y & (fractions - 1));
        const int left = (at_x >> shift) - 1, top = (at_y >> shift) - 1;
        float sums[3] = {0, 0, 0};
        for (int row = 0; row < 4; ++row) {
            const int from_y = clamp(top + row, 0, height - 1);
            if (!repeat_edges && from_y != top + row) continue;
            float line[3] = {0, 0, 0};
            for (int column = 0; column < 4; ++column) {
                const int from_x = clamp(left + column, 0, width - 1);
                if (!repeat_edges && from_x != left + column) continue;
                const float* tap = samples + from_y * width + from_x;
                for (int k = 0; k < 3; ++k) line[k] += across[column] * tap[k * area];
            }
            for (int k = 0; k < 3; ++k) sums[k] += down[row] * line[k];
        }
        const float ix = sums[1], iy = sums[2];
        constants[i] = ix;
        constants[area + i] = iy;
        constants[2 * area + i] = sums[0] - onset[i] - ix * u - iy * v;
        constants[3 * area + i] = 1 / fmaxf(ix * ix + iy * iy, TINY);
    }
}

// ---------------------------------------------------------------- median

#define ORDER(a, b)                                                                                       \
    {                                                                                                     \
        const float low = fminf(w[a], w[b]);                                                              \
        w[b] = fmaxf(w[a], w[b]);                                                                         \
        w[a] = low;                                                                                       \
    }

// The 13th of 25 values. Of any 14 the least and the greatest cannot be it: drop both, take in another, repeat.
INLINE float median_of_25(float* w) {
#pragma unroll
    for (int first = 0; first < 12; ++first) {
#pragma unroll
        for (int k = first; k < 13; ++k) ORDER(k, 13)
#pragma unroll
        for (int k = first + 1; k < 13; ++k) ORDER(first, k)
        if (first < 11) w[13] = w[14 + first];
    }
    return w[12];
}

// Whether the iterations of this warp have come to rest: the sum of what the blocks of the last launch moved, always
// in the same order. Needs 33 floats of shared memory; every thread may read found[32] afterwards.
#define COME_TO_REST(found, moved, blocks, enough)                                                        \
    EACH_THREAD(t) if (t < 32) {                                                                          \
        float sum = 0;                                                                                    \
        for (int k = t; k < (blocks); k += 32) sum += (moved)[k];                                          \
        found[t] = sum;                                                                                   \
    }                                                                                                     \
    TOGETHER;                                                                                             \
    EACH_THREAD(t) if (t == 0) {                                                                          \
        float sum = 0;                                                                                    \
        for (int k = 0; k < 32; ++k) sum += found[k];                                                      \
        found[32] = sum <= (enough);                                                                      \
    }                                                                                                     \
    TOGETHER

// 5x5 median of both components of the flow, edges repeated. Once the warp is at rest it only hands the flow on.
KERNEL median(const float* in, float* out, const float* moved, int blocks, float enough, int first, int height,
              int width) {
    SHARED float found[33];
    const int area = height * width;
    in += ((size_t)blockIdx.y * 2 + blockIdx.z) * area;
    out += ((size_t)blockIdx.y * 2 + blockIdx.z) * area;
    moved += (size_t)blockIdx.y * blocks;
    COME_TO_REST(found, moved, first ? 0 : blocks, first ? -1.0f : enough);
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        if (found[32] != 0) {
            out[i] = in[i];
            continue;
        }
        const int y = i / width, x = i - y * width;
        float window[25];
#pragma unroll
        for (int k = 0; k < 25; ++k) {
            window[k] = in[clamp(y + k / 5 - 2, 0, height - 1) * width + clamp(x + k % 5 - 2, 0, width - 1)];
        }
        out[i] = median_of_25(window);
    }
}

// ---------------------------------------------------------------- iterations

// Up to FUSED iterations of thresholding, divergence and dual ascent (Zach et al. 2007, equations 13 to 16) on a tile
// with its halo, all in shared memory. `duals`: four planes p11, p12, p21, p22. `moved_out` receives, a block, the sum
// of the squared change of the tile in the last of the iterations. Once at rest it only hands everything on.
KERNEL iterate(const float* flow_in, float* flow_out, const float* duals_in, float* duals_out, const float* constants,
               const float* moved_in, float* moved_out, int* done, float enough, float limit, float tau_theta,
               float theta, int height, int width, int count, int first) {
    // Over each other in memory: the six unknowns and the four constants of every cell.
    SHARED float cells[10][CELLS];
    SHARED float sums[THREADS];
    SHARED float found[33];
    const int area = height * width, across = (width + TILE - 1) / TILE;
    const int blocks = across * ((height + TILE - 1) / TILE);
    const int left = (blockIdx.x % across) * TILE - FUSED, top = (blockIdx.x / across) * TILE - FUSED;
    const size_t pair = blockIdx.y;
    flow_in += pair * 2 * area;
    flow_out += pair * 2 * area;
    duals_in += pair * 4 * area;
    duals_out += pair * 4 * area;
    constants += pair * 4 * area;
    COME_TO_REST(found, moved_in + pair * blocks, first ? 0 : blocks, first ? -1.0f : enough);
    if (found[32] != 0) count = 0;

    EACH_THREAD(t) {
        for (int c = t; c < CELLS; c += THREADS) {
            const int y = top + c / REGION, x = left + c % REGION;
            const bool inside = y >= 0 && y < height && x >= 0 && x < width;
            const int i = y * width + x;
            for (int k = 0; k < 2; ++k) cells[k][c] = inside ? flow_in[k * area + i] : 0;
            for (int k = 0; k < 4; ++k) cells[2 + k][c] = inside ? duals_in[k * area + i] : 0;
            for (int k = 0; k < 4; ++k) cells[6 + k][c] = inside ? constants[k * area + i] : 0;
        }
        sums[t] = 0;
    }
    TOGETHER;
    for (int n = 0; n < count; ++n) {
        EACH_THREAD(t) {
            for (int c = t; c < CELLS; c += THREADS) {
                const int row = c / REGION, column = c % REGION;
                const int y = top + row, x = left + column;
                if (y < 0 || y >= height || x < 0 || x >= width) continue;
                const float u = cells[0][c], v = cells[1][c], ix = cells[6][c], iy = cells[7][c];
                const float rho = cells[8][c] + ix * u + iy * v;
                const float step = fminf(fmaxf(rho * cells[9][c], -limit), limit);
                // Beyond the image the dual variables are 0.
                const float to_left_u = column > 0 ? cells[2][c - 1] : 0, to_left_v = column > 0 ? cells[4][c - 1] : 0;
                const float above_u = row > 0 ? cells[3][c - REGION] : 0, above_v = row > 0 ? cells[5][c - REGION] : 0;
                const float div_u = cells[2][c] - to_left_u + cells[3][c] - above_u;
                const float div_v = cells[4][c] - to_left_v + cells[5][c] - above_v;
                const float du = theta * div_u - step * ix, dv = theta * div_v - step * iy;
                cells[0][c] = u + du;
                cells[1][c] = v + dv;
                const bool own = row >= FUSED && row < FUSED + TILE && column >= FUSED && column < FUSED + TILE;
                if (own && n == count - 1) sums[t] += du * du + dv * dv;
            }
        }
        TOGETHER;
        EACH_THREAD(t) {
            for (int c = t; c < CELLS; c += THREADS) {
                const int row = c / REGION, column = c % REGION;
                const int y = top + row, x = left + column;
                if (y < 0 || y >= height || x < 0 || x >= width) continue;
                const bool right = x + 1 < width && column + 1 < REGION, below = y + 1 < height && row + 1 < REGION;
                for (int k = 0; k < 2; ++k) {
                    const float here = cells[k][c];
                    const float gx = right ? tau_theta * (cells[k][c + 1] - here) : 0;
                    const float gy = below ? tau_theta * (cells[k][c + REGION] - here) : 0;
                    const float shrink = 1 / (1 + sqrtf(gx * gx + gy * gy));
                    cells[2 + 2 * k][c] = (cells[2 + 2 * k][c] + gx) * shrink;
                    cells[3 + 2 * k][c] = (cells[3 + 2 * k][c] + gy) * shrink;
                }
            }
        }
        TOGETHER;
    }
    EACH_THREAD(t) {
        for (int c = t; c < CELLS; c += THREADS) {
            const int row = c / REGION, column = c % REGION;
            const int y = top + row, x = left + column;
            if (row < FUSED || row >= FUSED + TILE || column < FUSED || column >= FUSED + TILE) continue;
            if (y >= height || x >= width) continue;
            const int i = y * width + x;
            for (int k = 0; k < 2; ++k) flow_out[k * area + i] = cells[k][c];
            for (int k = 0; k < 4; ++k) duals_out[k * area + i] = cells[2 + k][c];
        }
    }
    SUM_UP(sums);
    EACH_THREAD(t) if (t == 0) {
        moved_out[pair * blocks + blockIdx.x] = sums[0];
        if (blockIdx.x == 0) done[pair] += count;
    }
}

// ---------------------------------------------------------------- what is made of a flow

// Residual and confidence, two planes: see engines/flow/cpu/finish.py.
KERNEL finish(const float* flow, const float* constants, float* quality, int height, int width, float half_trust) {
    const int area = height * width;
    flow += (size_t)blockIdx.y * 2 * area;
    constants += (size_t)blockIdx.y * 4 * area;
    quality += (size_t)blockIdx.y * 2 * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const int y = i / width, x = i - y * width;
        float rests = 0, texture = 0;
        for (int near_y = y - 2; near_y <= y + 2; ++near_y) {
            for (int near_x = x - 2; near_x <= x + 2; ++near_x) {
                if (near_y < 0 || near_y >= height || near_x < 0 || near_x >= width) continue;
                const int k = near_y * width + near_x;
                const float ix = constants[k], iy = constants[area + k];
                const float rest = constants[2 * area + k] + ix * flow[k] + iy * flow[area + k];
                rests += rest * rest;
                texture += ix * ix + iy * iy;
                if (k == i) quality[i] = rest;
            }
        }
        texture *= half_trust * half_trust;
        quality[area + i] = texture + rests > 0 ? texture / (texture + rests) : 0;
    }
}

INLINE int mirrored(int k, int count) {
    if (k < 0) return -k;
    return k >= count ? 2 * count - 2 - k : k;
}

// Gaussian of 7 taps along both axes, edges mirrored, of both components of the flow.
KERNEL smooth(const float* flow, float* out, const float* taps, int height, int width) {
    const int area = height * width;
    flow += ((size_t)blockIdx.y * 2 + blockIdx.z) * area;
    out += ((size_t)blockIdx.y * 2 + blockIdx.z) * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const int y = i / width, x = i - y * width;
        float sum = 0;
        for (int row = 0; row < 7; ++row) {
            const float* line = flow + mirrored(y + row - 3, height) * width;
            float part = 0;
            for (int column = 0; column < 7; ++column) part += taps[column] * line[mirrored(x + column - 3, width)];
            sum += taps[row] * part;
        }
        out[i] = sum;
    }
}

// Central difference, one-sided at the ends.
INLINE float slope(const float* in, int k, int count, int stride) {
    if (k == 0) return in[stride] - in[0];
    if (k == count - 1) return in[0] - in[-stride];
    return 0.5f * (in[stride] - in[-stride]);
}

// Optical strain: see engines/flow/strain.py.
KERNEL strain(const float* flow, float* out, int height, int width) {
    const int area = height * width;
    flow += (size_t)blockIdx.y * 2 * area;
    out += (size_t)blockIdx.y * area;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= area) continue;
        const int y = i / width, x = i - y * width;
        const float ux = slope(flow + i, x, width, 1), uy = slope(flow + i, y, height, width);
        const float vx = slope(flow + area + i, x, width, 1), vy = slope(flow + area + i, y, height, width);
        out[i] = sqrtf(ux * ux + vy * vy + 0.5f * square(uy + vx));
    }
}

// u, v and strain, each averaged over the area that a pixel of the map covers. blockIdx.z is the channel.
KERNEL shrink_map(const float* flow, const float* strains, float* maps, int height, int width, int size) {
    const int area = height * width, channel = blockIdx.z;
    const float* in = channel < 2 ? flow + ((size_t)blockIdx.y * 2 + channel) * area : strains + (size_t)blockIdx.y * area;
    maps += ((size_t)blockIdx.y * 3 + channel) * size * size;
    const float tall = (float)height / size, wide = (float)width / size;
    EACH_THREAD(t) {
        const int i = blockIdx.x * THREADS + t;
        if (i >= size * size) continue;
        const float top = (i / size) * tall, left = (i % size) * wide, bottom = top + tall, right = left + wide;
        float sum = 0, weights = 0;
        for (int y = (int)top; y < height && y < bottom; ++y) {
            const float share_y = fminf(y + 1.0f, bottom) - fmaxf((float)y, top);
            for (int x = (int)left; x < width && x < right; ++x) {
                const float share = share_y * (fminf(x + 1.0f, right) - fmaxf((float)x, left));
                sum += share * in[y * width + x];
                weights += share;
            }
        }
        maps[i] = sum / weights;
    }
}

// As the released maps are scaled: every channel from its least to its greatest value, in 255 steps of 0..1.
KERNEL benchmark(const float* maps, float* scaled, int count) {
    SHARED float lows[THREADS];
    SHARED float highs[THREADS];
    maps += ((size_t)blockIdx.y * 3 + blockIdx.z) * count;
    scaled += ((size_t)blockIdx.y * 3 + blockIdx.z) * count;
    EACH_THREAD(t) {
        float low = maps[0], high = maps[0];
        for (int i = t; i < count; i += THREADS) {
            low = fminf(low, maps[i]);
            high = fmaxf(high, maps[i]);
        }
        lows[t] = low;
        highs[t] = high;
    }
    for (int half = THREADS / 2; half > 0; half /= 2) {
        TOGETHER;
        EACH_THREAD(t) if (t < half) {
            lows[t] = fminf(lows[t], lows[t + half]);
            highs[t] = fmaxf(highs[t], highs[t + half]);
        }
    }
    TOGETHER;
    EACH_THREAD(t) {
        const float low = lows[0], span = highs[0] - lows[0];
        for (int i = t; i < count; i += THREADS) scaled[i] = rintf((maps[i] - low) * (255 / (span > 0 ? span : 1))) / 255;
    }
}
