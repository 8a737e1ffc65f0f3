// Everything of the GPU's frame path that is not the network: from a camera's bytes to a network's input, and from its
// outputs to the few numbers a host needs. surgical_guidance/inference/cuda/reference.py says the same in NumPy.
//
// scripts/build_kernels compiles it for the chips of today; NVRTC compiles it where that binary does not fit. So it
// includes nothing. All structures are mirrored in arguments.py.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

#define MAX_CLASSES 256
#define MAX_COMPONENTS 64
#define NOTHING 0xffffffffu

enum Encoding { BGR8, RGB8, MONO8, NV12, YUYV };
enum Type { UINT8, FLOAT32, FLOAT16 };
enum Flag { NOT_FINITE = 1, UNKNOWN_CLASS = 2, TOO_MANY = 4 };

__device__ __forceinline__ float from_half(u16 bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

__device__ __forceinline__ u16 to_half(float value) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ float load(const void* from, size_t index, int type) {
  if (type == FLOAT16) return from_half(((const u16*)from)[index]);
  if (type == FLOAT32) return ((const float*)from)[index];
  return ((const u8*)from)[index];
}

__device__ __forceinline__ bool finite(float value) {
  return (__float_as_uint(value) & 0x7f800000u) != 0x7f800000u;
}

__device__ __forceinline__ float level(float value) { return fminf(fmaxf(rintf(value), 0.0f), 255.0f); }

// ---------------------------------------------------------------------------------------------------- the picture

struct Prepare {
  const u8* source;  // the frame as the camera gave it
  void* target;      // the network's input
  int source_width, source_height, source_step;  // px, px, bytes a row
  int encoding;
  int width, height;                           // of the target [px]
  int left, top, inner_width, inner_height;    // where the picture lies in the target; the rest is `border`
  float scale_x, scale_y;                      // source pixels a target pixel
  int rgb, nchw, type;                         // of the target
  int bt709;                                   // matrix of nv12 and yuyv: BT.709, else BT.601; limited range both
  float border;                                // pixel value outside the picture
  float gain[3], offset[3];                    // by the target's channel
};

struct Colour {
  float r, g, b;
};

__device__ __forceinline__ Colour from_yuv(int y, int u, int v, int bt709) {
  float luma = 1.164f * (float)max(y - 16, 0), cb = (float)(u - 128), cr = (float)(v - 128);
  Colour c;
  if (bt709) {
    c.r = level(luma + 1.793f * cr);
    c.g = level(luma - 0.213f * cb - 0.533f * cr);
    c.b = level(luma + 2.112f * cb);
  } else {
    c.r = level(luma + 1.596f * cr);
    c.g = level(luma - 0.391f * cb - 0.813f * cr);
    c.b = level(luma + 2.018f * cb);
  }
  return c;
}

__device__ __forceinline__ Colour pixel(const Prepare& p, int x, int y) {
  const u8* row = p.source + (size_t)y * p.source_step;
  Colour c;
  switch (p.encoding) {
    case BGR8:
      row += 3 * x;
      c.b = row[0], c.g = row[1], c.r = row[2];
      return c;
    case RGB8:
      row += 3 * x;
      c.r = row[0], c.g = row[1], c.b = row[2];
      return c;
    case MONO8:
      c.r = c.g = c.b = row[x];
      return c;
    case NV12: {
      const u8* chroma = p.source + (size_t)(p.source_height + y / 2) * p.source_step + (x & ~1);
      return from_yuv(row[x], chroma[0], chroma[1], p.bt709);
    }
    default: {
      const u8* pair = row + 4 * (x / 2);
      return from_yuv(pair[2 * (x & 1)], pair[1], pair[3], p.bt709);
    }
  }
}

__device__ __forceinline__ float blend(float a, float b, float c, float d, float x, float y) {
  float upper = a + (b - a) * x, lower = c + (d - c) * x;
  return level(upper + (lower - upper) * y);
}

// Conversion, scaling or letterbox, colour order, normalisation and layout in one pass. One thread a target pixel.
extern "C" __global__ void prepare(Prepare p) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= p.width || y >= p.height) return;
  Colour c;
  int column = x - p.left, row = y - p.top;
  if (column < 0 || row < 0 || column >= p.inner_width || row >= p.inner_height) {
    c.r = c.g = c.b = p.border;
  } else {
    // Centres of pixels lie at halves; beyond the outermost ones the picture goes on as it ends (OpenCV, INTER_LINEAR).
    float sx = fminf(fmaxf((column + 0.5f) * p.scale_x - 0.5f, 0.0f), p.source_width - 1.0f);
    float sy = fminf(fmaxf((row + 0.5f) * p.scale_y - 0.5f, 0.0f), p.source_height - 1.0f);
    int x0 = (int)sx, y0 = (int)sy;
    int x1 = min(x0 + 1, p.source_width - 1), y1 = min(y0 + 1, p.source_height - 1);
    float fx = sx - x0, fy = sy - y0;
    Colour a = pixel(p, x0, y0), b = pixel(p, x1, y0), d = pixel(p, x0, y1), e = pixel(p, x1, y1);
    c.r = blend(a.r, b.r, d.r, e.r, fx, fy);
    c.g = blend(a.g, b.g, d.g, e.g, fx, fy);
    c.b = blend(a.b, b.b, d.b, e.b, fx, fy);
  }
  float values[3] = {p.rgb ? c.r : c.b, c.g, p.rgb ? c.b : c.r};
  size_t plane = (size_t)p.width * p.height, at = (size_t)y * p.width + x;
#pragma unroll
  for (int channel = 0; channel < 3; ++channel) {
    size_t index = p.nchw ? channel * plane + at : 3 * at + channel;
    float value = values[channel] * p.gain[channel] + p.offset[channel];
    if (p.type == FLOAT32) ((float*)p.target)[index] = value;
    else if (p.type == FLOAT16) ((u16*)p.target)[index] = to_half(value);
    else ((u8*)p.target)[index] = (u8)values[channel];
  }
}

// ----------------------------------------------------------------------------------------------------- class maps

struct ClassStatistics {
  u32 area;
  u32 from_left, from_top;  // width - left and height - top: 0 is nothing, larger is nearer to the edge
  u32 right, bottom;        // one past the last
  u32 confidence;           // sum
};

struct Component {
  u32 label, area;
  u32 from_left, from_top, right, bottom;
  u32 sum_x_low, sum_x_high, sum_y_low, sum_y_high;  // sums of columns and rows, 64 bits each
  u32 confidence, first;                             // sum; index of its first pixel
};

struct Statistics {
  u32 flags, components, reserved[2];
  ClassStatistics classes[MAX_CLASSES];
  Component component[MAX_COMPONENTS];
};

struct Reduce {
  const void* logits;      // (classes, height, width)
  u8* labels;              // (height, width)
  u8* confidence;          // softmax of the winner, times 255
  Statistics* statistics;
  int width, height, classes, type;
};

// The winning class of each pixel and its probability. One thread a pixel.
extern "C" __global__ void reduce_logits(Reduce r) {
  size_t pixels = (size_t)r.width * r.height, at = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= pixels) return;
  float highest = load(r.logits, at, r.type), sum = 1.0f;
  bool good = finite(highest);
  int winner = 0;
  for (int index = 1; index < r.classes; ++index) {
    float value = load(r.logits, index * pixels + at, r.type);
    good = good && finite(value);
    if (value > highest) {
      sum = sum * __expf(highest - value) + 1.0f;
      highest = value;
      winner = index;
    } else {
      sum += __expf(value - highest);
    }
  }
  r.labels[at] = (u8)winner;
  r.confidence[at] = good ? (u8)(255.0f / sum) : 0;
  if (!good) atomicOr(&r.statistics->flags, NOT_FINITE);
}

struct Map {
  u8* labels;             // (height, width)
  const void* confidence;  // (height, width), of `type`
  u8* confidence_levels;   // the same as levels 0 to 255; where that is what `confidence` is, the same memory
  Statistics* statistics;
  u32* parent;  // (height, width): a pixel of the same component before this one, at last its first one
  u32* area;    // (height, width): of the component, at its first pixel
  u32* slot;    // (height, width): where it is kept, at its first pixel
  int width, height, classes, type, smallest;
};

// Neighbouring pixels mostly belong together. A warp is a piece of a row: the first thread of each run of equal keys gets
// its length and the sum of its values, the others get length 0. All 32 threads must take part.
struct Run {
  u32 length, sum;
};

__device__ __forceinline__ Run run_of(u32 key, u32 value) {
  const u32 all = 0xffffffffu;
  u32 lane = (threadIdx.y * blockDim.x + threadIdx.x) % 32, sum = value;
#pragma unroll
  for (u32 step = 1; step < 32; step *= 2) {
    u32 before = __shfl_up_sync(all, sum, step);
    if (lane >= step) sum += before;
  }
  u32 key_before = __shfl_up_sync(all, key, 1);
  bool starts = lane == 0 || key_before != key;
  u32 others = __ballot_sync(all, starts) & (lane == 31 ? 0u : all << (lane + 1));
  u32 last = others ? __ffs(others) - 2 : 31;
  u32 sum_at_last = __shfl_sync(all, sum, last);
  Run run = {starts ? last - lane + 1 : 0, sum_at_last - (sum - value)};
  return run;
}

// Checks of a class map, and area, box and confidence of each class.
extern "C" __global__ void class_statistics(Map m) {
  __shared__ ClassStatistics own[MAX_CLASSES];
  int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
  for (int i = thread; i < m.classes; i += threads) own[i] = ClassStatistics{0, 0, 0, 0, 0, 0};
  __syncthreads();
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  u32 key = NOTHING, confidence = 0;
  if (x < m.width && y < m.height) {
    size_t at = (size_t)y * m.width + x;
    u32 label = m.labels[at];
    if (m.type == UINT8) {
      confidence = ((const u8*)m.confidence)[at];
    } else {
      float value = load(m.confidence, at, m.type);
      if (!finite(value)) atomicOr(&m.statistics->flags, NOT_FINITE);
      confidence = finite(value) ? (u32)fminf(fmaxf(value * 255.0f, 0.0f), 255.0f) : 0u;
      m.confidence_levels[at] = (u8)confidence;
    }
    m.parent[at] = label ? (u32)at : NOTHING;
    m.area[at] = 0;
    if (label < (u32)m.classes) key = label;
    else atomicOr(&m.statistics->flags, UNKNOWN_CLASS);
  }
  Run run = run_of(key, confidence);
  if (run.length && key != NOTHING) {
    ClassStatistics* s = &own[key];
    atomicAdd(&s->area, run.length);
    atomicMax(&s->from_left, (u32)(m.width - x));
    atomicMax(&s->from_top, (u32)(m.height - y));
    atomicMax(&s->right, (u32)(x + run.length));
    atomicMax(&s->bottom, (u32)(y + 1));
    atomicAdd(&s->confidence, run.sum);
  }
  __syncthreads();
  for (int i = thread; i < m.classes; i += threads) {
    if (!own[i].area) continue;
    ClassStatistics* all = &m.statistics->classes[i];
    atomicAdd(&all->area, own[i].area);
    atomicMax(&all->from_left, own[i].from_left);
    atomicMax(&all->from_top, own[i].from_top);
    atomicMax(&all->right, own[i].right);
    atomicMax(&all->bottom, own[i].bottom);
    atomicAdd(&all->confidence, own[i].confidence);
  }
}

// Connected components by union and find (O. Kalentev et al., 2011, and S. Allegretti et al., 2019): every pixel hangs
// itself below one before it, without locks, until nothing changes. The first pixel of a component is its name.

__device__ __forceinline__ u32 first_of(const volatile u32* parent, u32 at) {
  u32 above = parent[at];
  while (above != at) {
    at = above;
    above = parent[at];
  }
  return at;
}

__device__ void join(u32* parent, u32 a, u32 b) {
  bool done = false;
  while (!done) {
    a = first_of(parent, a);
    b = first_of(parent, b);
    if (a == b) return;
    if (a > b) {
      u32 swap = a;
      a = b;
      b = swap;
    }
    u32 before = atomicMin(&parent[b], a);
    done = before == b;
    b = before;
  }
}

// Joins each pixel with its neighbours of the same class, diagonal ones too.
extern "C" __global__ void join_neighbours(Map m) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= m.width || y >= m.height) return;
  u32 at = (u32)(y * m.width + x);
  u8 label = m.labels[at];
  if (!label) return;
  bool left = x > 0 && m.labels[at - 1] == label;
  bool up = y > 0 && m.labels[at - m.width] == label;
  bool up_left = x > 0 && y > 0 && m.labels[at - m.width - 1] == label;
  bool up_right = x + 1 < m.width && y > 0 && m.labels[at - m.width + 1] == label;
  if (left) join(m.parent, at, at - 1);
  // What is above joins what is left of it by itself: no need to join with both.
  if (up && !(left && up_left)) join(m.parent, at, at - m.width);
  if (up_left && !left && !up) join(m.parent, at, at - m.width - 1);
  if (up_right && !up) join(m.parent, at, at - m.width + 1);
}

// Names each pixel's component and counts its pixels.
extern "C" __global__ void count_components(Map m) {
  u32 pixels = (u32)(m.width * m.height), at = blockIdx.x * blockDim.x + threadIdx.x;
  u32 first = NOTHING;
  if (at < pixels && m.parent[at] != NOTHING) {
    first = first_of(m.parent, at);
    m.parent[at] = first;
  }
  Run run = run_of(first, 0);
  if (run.length && first != NOTHING) atomicAdd(&m.area[first], run.length);
}

// Gives each component that is large enough a place.
extern "C" __global__ void keep_components(Map m) {
  u32 pixels = (u32)(m.width * m.height), at = blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= pixels || m.parent[at] != at) return;
  u32 area = m.area[at], place = NOTHING;
  if (area >= (u32)m.smallest) {
    place = atomicAdd(&m.statistics->components, 1u);
    if (place < MAX_COMPONENTS) {
      Component* c = &m.statistics->component[place];
      c->label = m.labels[at];
      c->area = area;
      c->first = at;
    } else {
      atomicOr(&m.statistics->flags, TOO_MANY);
      place = NOTHING;
    }
  }
  m.slot[at] = place;
}

// Measures the components that are kept.
extern "C" __global__ void measure_components(Map m) {
  __shared__ u32 own[MAX_COMPONENTS][8];  // from_left, from_top, right, bottom, sum of x, of y, of confidence, pixels
  int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
  for (int i = thread; i < MAX_COMPONENTS * 8; i += threads) own[i / 8][i % 8] = 0;
  __syncthreads();
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  u32 place = NOTHING, confidence = 0;
  if (x < m.width && y < m.height) {
    u32 at = (u32)(y * m.width + x), first = m.parent[at];
    if (first != NOTHING) place = m.slot[first];
    confidence = m.confidence_levels[at];
  }
  Run run = run_of(place, confidence);
  if (run.length && place != NOTHING) {
    u32* s = own[place];
    atomicMax(&s[0], (u32)(m.width - x));
    atomicMax(&s[1], (u32)(m.height - y));
    atomicMax(&s[2], (u32)(x + run.length));
    atomicMax(&s[3], (u32)(y + 1));
    atomicAdd(&s[4], run.length * x + run.length * (run.length - 1) / 2);
    atomicAdd(&s[5], run.length * y);
    atomicAdd(&s[6], run.sum);
    atomicAdd(&s[7], run.length);
  }
  __syncthreads();
  for (int i = thread; i < MAX_COMPONENTS; i += threads) {
    const u32* s = own[i];
    if (!s[7]) continue;
    Component* c = &m.statistics->component[i];
    atomicMax(&c->from_left, s[0]);
    atomicMax(&c->from_top, s[1]);
    atomicMax(&c->right, s[2]);
    atomicMax(&c->bottom, s[3]);
    atomicAdd((unsigned long long*)&c->sum_x_low, (unsigned long long)s[4]);
    atomicAdd((unsigned long long*)&c->sum_y_low, (unsigned long long)s[5]);
    atomicAdd(&c->confidence, s[6]);
  }
}

// ---------------------------------------------------------------------------------------------------------- boxes

#define MAX_BOXES 512
#define MAX_EXTRAS 32

struct Box {
  float x, y, width, height;  // centre and size, in pixels of the network's input
  float score;
  u32 label, anchor, reserved;
  float extras[MAX_EXTRAS];  // coefficients of the mask's prototypes
};

struct Boxes {
  u32 flags, count, reserved[2];
  Box box[MAX_BOXES];
};

struct Decode {
  const void* raw;  // (4 + classes + extras, anchors), as YOLOv8 and YOLO11 are exported
  Boxes* boxes;
  int anchors, classes, extras, type;
  float threshold;
};

// Keeps the boxes that may be something. One thread an anchor; their order is by chance: the host sorts them.
extern "C" __global__ void decode_boxes(Decode d) {
  size_t anchors = d.anchors, at = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
  if (at >= anchors) return;
  float best = -1.0f;
  int label = 0;
  bool good = true;
  for (int index = 0; index < d.classes; ++index) {
    float score = load(d.raw, (4 + index) * anchors + at, d.type);
    good = good && finite(score);
    if (score > best) {
      best = score;
      label = index;
    }
  }
  float side[4];
  for (int index = 0; index < 4; ++index) {
    side[index] = load(d.raw, index * anchors + at, d.type);
    good = good && finite(side[index]);
  }
  if (!good) {
    atomicOr(&d.boxes->flags, NOT_FINITE);
    return;
  }
  if (best < d.threshold) return;
  u32 place = atomicAdd(&d.boxes->count, 1u);
  if (place >= MAX_BOXES) {
    atomicOr(&d.boxes->flags, TOO_MANY);
    return;
  }
  Box* box = &d.boxes->box[place];
  box->x = side[0], box->y = side[1], box->width = side[2], box->height = side[3];
  box->score = best;
  box->label = (u32)label;
  box->anchor = (u32)at;
  for (int index = 0; index < d.extras; ++index)
    box->extras[index] = load(d.raw, (4 + d.classes + index) * anchors + at, d.type);
}
