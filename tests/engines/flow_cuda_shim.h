// Lets kernels.cu run on the host: a block's threads take turns, one phase after another.
#include <cmath>
#include <cstddef>

struct Index {
    int x, y, z;
};
static thread_local Index blockIdx;

#define KERNEL extern "C" void
#define SHARED static thread_local
#define EACH_THREAD(t) for (int t = 0; t < THREADS; ++t)
#define TOGETHER
#define INLINE static inline

extern "C" void set_block(int x, int y, int z) { blockIdx = {x, y, z}; }
