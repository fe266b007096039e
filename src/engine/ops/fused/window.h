// Convolutions [B, H, W, C] x [h, w, C, O] of few channels, and their gradients. A vector would be mostly empty with
// the channels of one pixel, so pixels that stand side by side are written together: what they read is one piece of a
// row of the image, and the filter becomes a matrix with a band of its values and zeros beside it. (So a number that is
// not finite reaches the pixels that are written together with those that read it.) Each result is summed in an order
// that the shapes alone give.
#pragma once
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "call.h"
#include "scratch.h"
#include "threads.h"
#include "vector.h"

namespace {

// How a row of pixels is written from rows of an image.
struct Band {
  int64_t pixels = 1;             // that are written together: a group
  int64_t groups = 0;             // of a row
  int64_t step = 0, length = 0;   // pixels from what a group reads to what the next one reads, and how many it reads
  int64_t first = 0;              // the first that is read, which may lie before the image
  int64_t columns = 0, width = 0; // of a group's values, and of as many whole vectors
};

// Sizes of a convolution; those of the images are [batch, height, width, channels].
struct Geometry {
  int64_t batch, height, width, channels;         // what the convolution reads
  int64_t high, wide;                             // filter
  int64_t to_height, to_width, to_channels;       // what it writes
  int64_t down, right, above, left;               // strides, padding

  // Sizes that a filter [high, wide, channels, to_channels] has.
  void take_filter(const View& filter) {
    high = filter.dims[0];
    wide = filter.dims[1];
    channels = filter.dims[2];
    to_channels = filter.dims[3];
  }

  // Ways to cut a row into groups, `band` for each; the one with the fewest multiplications.
  template <typename F>
  static Band cheapest(int64_t width, int64_t channels, int64_t read, int64_t stride, F band) {
    Band best;
    int64_t least = 0;
    for (int64_t pixels = stride; pixels <= std::max<int64_t>(stride, W); pixels += stride) {
      Band one = band(pixels);
      one.pixels = pixels;
      one.groups = (width + pixels - 1) / pixels;
      one.columns = pixels * channels;
      one.width = (one.columns + W - 1) / W * W;
      const int64_t cost = one.groups * one.width * one.length * read;
      if (best.groups == 0 || cost < least) {
        best = one;
        least = cost;
      }
    }
    return best;
  }

  Band forward() const {
    return cheapest(to_width, to_channels, channels, 1, [&](int64_t pixels) {
      Band one;
      one.step = pixels * right;
      one.length = (pixels - 1) * right + wide;
      one.first = -left;
      return one;
    });
  }

  // Of the gradient by the image, whose pixels are written from rows of the convolution's.
  Band backward() const {
    const int64_t before = wide - 1 - left;  // a pixel reads those of the convolution from (pixel - before) / right on
    const int64_t first = before > 0 ? -(before / right) : (-before + right - 1) / right;
    return cheapest(width, channels, to_channels, right, [&](int64_t pixels) {
      Band one;
      one.step = pixels / right;
      one.length = std::max<int64_t>(0, (pixels - 1 + left) / right - first + 1);
      one.first = first;
      return one;
    });
  }
};

// Images whose rows are filled up with zeros to what a band reads, or the images themselves where that is all there.
class Padded {
 public:
  Padded(int64_t given_height, int64_t given_width, int64_t given_channels, const Band& given)
      : height(given_height), width(given_width), channels(given_channels), band(given),
        lead(std::max<int64_t>(0, -band.first)) {
    pitch = (lead + std::max(width, band.first + (band.groups - 1) * band.step + band.length)) * channels;
  }

  int64_t image() const { return height * pitch; }
  int64_t row() const { return pitch; }
  int64_t size(int64_t images) const { return whole() ? 0 : images * image(); }

  void take(const float* from, int64_t images, float* memory) {
    data = from;
    if (whole()) return;
    data = memory;
    for (int64_t row = 0; row < images * height; row++, memory += pitch) {
      float* const begin = memory + lead * channels;
      std::fill(memory, begin, 0.0f);
      float* const end = std::copy(from + row * width * channels, from + (row + 1) * width * channels, begin);
      std::fill(end, memory + pitch, 0.0f);
    }
  }

  // What a group of a row reads.
  const float* at(int64_t one, int64_t row, int64_t group) const {
    return data + one * image() + row * pitch + (lead + band.first + group * band.step) * channels;
  }

 private:
  bool whole() const { return pitch == width * channels; }
  int64_t height, width, channels;
  const Band& band;
  int64_t lead, pitch = 0;
  const float* data = nullptr;
};

constexpr int GROUPS = 6, VECTORS = 2;  // of a tile
constexpr int64_t IMAGES = 1 << 15;     // values of the images that are at work, about

// Groups of pixels that are written alike: by `taps` rows of the filter.
struct Together {
  int64_t taps = 0, left_step = 0, right_step = 0;  // from one to the next, where the image is and where the matrix is
  const float* matrix = nullptr;
  int64_t depth = 0, width = 0;
  int count = 0;
  const float* left[GROUPS];
  float* to[GROUPS];
  int64_t columns[GROUPS];
};

template <int M, int N>
void write_groups(const Together& tile, int64_t column) {
  V sums[M][N] = {};
  const float* left[M];
  for (int i = 0; i < M; i++) left[i] = tile.left[i];
  for (int64_t tap = 0; tap < tile.taps; tap++) {
    const float* right = tile.matrix + tap * tile.right_step + column;
    for (int64_t p = 0; p < tile.depth; p++, right += tile.width) {
      V values[N];
#pragma GCC unroll 2
      for (int j = 0; j < N; j++) values[j] = load(right + j * W);
#pragma GCC unroll 6
      for (int i = 0; i < M; i++) {
#pragma GCC unroll 2
        for (int j = 0; j < N; j++) sums[i][j] += left[i][p] * values[j];
      }
    }
#pragma GCC unroll 6
    for (int i = 0; i < M; i++) left[i] += tile.left_step;
  }
#pragma GCC unroll 6
  for (int i = 0; i < M; i++) {
#pragma GCC unroll 2
    for (int j = 0; j < N; j++) {
      const int64_t from = column + j * W, n = tile.columns[i] - from;
      if (n >= W) store(tile.to[i] + from, sums[i][j]);
      else if (n > 0) store(tile.to[i] + from, sums[i][j], static_cast<int>(n));
    }
  }
}

template <int... I>
constexpr std::array<void (*)(const Together&, int64_t), sizeof...(I)> writers(std::integer_sequence<int, I...>) {
  return {write_groups<I / VECTORS + 1, I % VECTORS + 1>...};
}
constexpr auto WRITERS = writers(std::make_integer_sequence<int, GROUPS * VECTORS>{});

void write_together(Together& tile) {
  if (tile.count == 0) return;
  for (int64_t column = 0; column < tile.width; column += VECTORS * W)
    WRITERS[(tile.count - 1) * VECTORS + (tile.width - column > W)](tile, column);
  tile.count = 0;
}

// Which rows of the filter reach a row that is written: from `tap` on, `count` of them, `step` apart; the first reads
// `row` of the image, and the others one that is `row_step` further each.
struct Taps {
  int64_t tap = 0, count = 0, step = 1, row = 0, row_step = 1;
};

// to [batch, height, width, channels] from images whose rows are read in bands; `matrices` has one for each row of the
// filter.
template <typename F>
void write_images(const View& from, const View& to, const Band& band, const std::vector<float>& matrices, F taps_of) {
  const int64_t batch = to.dims[0], height = to.dims[1], width = to.dims[2], channels = to.dims[3];
  const int64_t read = from.dims[3], matrix = band.length * read * band.width;
  const int64_t each = std::max<int64_t>(1, IMAGES / std::max<int64_t>(1, from.dims[1] * from.dims[2] * read));
  pool().run((batch + each - 1) / each, [&](int64_t part) {
    const int64_t begin = part * each, images = std::min(each, batch - begin);
    Padded padded(from.dims[1], from.dims[2], read, band);
    Scratch scratch(padded.size(images));
    padded.take(from.data + begin * from.dims[1] * from.dims[2] * read, images, scratch.take(padded.size(images)));
    Together tile;
    tile.depth = band.length * read;
    tile.width = band.width;
    for (int64_t row = 0; row < height; row++) {
      const Taps taps = taps_of(row);
      tile.taps = taps.count;
      tile.left_step = taps.row_step * padded.row();
      tile.right_step = taps.step * matrix;
      tile.matrix = matrices.data() + taps.tap * matrix;
      for (int64_t one = 0; one < images; one++) {
        float* const row_to = to.data + ((begin + one) * height + row) * width * channels;
        for (int64_t group = 0; group < band.groups; group++) {
          tile.left[tile.count] = padded.at(one, taps.count == 0 ? 0 : taps.row, group);
          tile.to[tile.count] = row_to + group * band.columns;
          tile.columns[tile.count] = std::min(band.columns, (width - group * band.pixels) * channels);
          if (++tile.count == GROUPS) write_together(tile);
        }
      }
      write_together(tile);
    }
  }, batch * height * band.groups * static_cast<int64_t>(matrices.size()));
}

// Strides, padding above and to the left, and a height and width, whose meaning the ops say.
bool numbers_of(Call& call, const View& numbers, Geometry& geometry, int64_t& height, int64_t& width) {
  call.require(numbers.size == 6, "convolution: six numbers are expected");
  if (!call.ok()) return false;
  int64_t* const places[] = {&geometry.down, &geometry.right, &geometry.above, &geometry.left, &height, &width};
  for (int i = 0; i < 6; i++) *places[i] = static_cast<int64_t>(numbers.data[i]);
  const bool sound =
      geometry.down > 0 && geometry.right > 0 && geometry.above >= 0 && geometry.left >= 0 && height > 0 && width > 0;
  call.require(sound, "convolution: these are no strides, padding and size");
  return call.ok();
}

// The size is y's.
void convolution(Call& call, const Attributes&) {
  View x = call.input(0), filter = call.input(1), numbers = call.input(2);
  call.require(x.dims.size() == 4 && filter.dims.size() == 4 && filter.dims[2] == x.dims[3],
               "convolution: shapes differ");
  Geometry g{};
  if (!numbers_of(call, numbers, g, g.to_height, g.to_width)) return;
  g.take_filter(filter);
  View y = call.output(0, {x.dims[0], g.to_height, g.to_width, g.to_channels});
  if (!call.ok() || y.size == 0) return;
  const Band band = g.forward();
  std::vector<float> matrices(static_cast<size_t>(g.high * band.length * g.channels * band.width));
  const float* from = filter.data;
  for (int64_t tap = 0; tap < g.high; tap++) {
    for (int64_t place = 0; place < g.wide; place++) {
      for (int64_t c = 0; c < g.channels; c++, from += g.to_channels) {
        for (int64_t pixel = 0; pixel < band.pixels; pixel++) {
          const int64_t row = (tap * band.length + place + pixel * g.right) * g.channels + c;
          std::copy(from, from + g.to_channels, matrices.data() + row * band.width + pixel * g.to_channels);
        }
      }
    }
  }
  write_images(x, y, band, matrices, [&](int64_t row) {
    const int64_t top = row * g.down - g.above, tap = std::max<int64_t>(0, -top);
    return Taps{tap, std::max<int64_t>(0, std::min(g.high, x.dims[1] - top) - tap), 1, top + tap, 1};
  });
}

// The size is x's.
void convolution_input_gradient(Call& call, const Attributes&) {
  View dy = call.input(0), filter = call.input(1), numbers = call.input(2);
  call.require(dy.dims.size() == 4 && filter.dims.size() == 4 && filter.dims[3] == dy.dims[3],
               "convolution: shapes differ");
  Geometry g{};
  if (!numbers_of(call, numbers, g, g.height, g.width)) return;
  g.take_filter(filter);
  View dx = call.output(0, {dy.dims[0], g.height, g.width, g.channels});
  if (!call.ok() || dx.size == 0) return;
  const Band band = g.backward();
  std::vector<float> matrices(static_cast<size_t>(g.high * band.length * g.to_channels * band.width));
  for (int64_t tap = 0; tap < g.high; tap++) {
    for (int64_t read = 0; read < band.length; read++) {
      for (int64_t pixel = 0; pixel < band.pixels; pixel++) {
        const int64_t place = pixel + g.left - g.right * (band.first + read);
        if (place < 0 || place >= g.wide) continue;
        const float* const from = filter.data + (tap * g.wide + place) * g.channels * g.to_channels;
        float* const to =
            matrices.data() + (tap * band.length + read) * g.to_channels * band.width + pixel * g.channels;
        for (int64_t c = 0; c < g.channels; c++)
          for (int64_t o = 0; o < g.to_channels; o++) to[o * band.width + c] = from[c * g.to_channels + o];
      }
    }
  }
  // row = down * (row of dy) - above + tap: taps are `down` apart, and each reads a row before the last one's
  write_images(dy, dx, band, matrices, [&](int64_t row) {
    const int64_t far = row + g.above, height = dy.dims[1];
    int64_t tap = far % g.down, from = far / g.down;
    if (from >= height) {
      tap += (from - height + 1) * g.down;
      from = height - 1;
    }
    const int64_t count = tap >= g.high ? 0 : std::min((g.high - tap + g.down - 1) / g.down, from + 1);
    return Taps{tap, count, g.down, from, -1};
  });
}

// Pieces of images, and the groups of dy that each is multiplied by.
struct Pairs {
  // Those of one row of the filter, in the order of the images.
  void meet(const Geometry& g, const Band& band, const Padded& padded, int64_t images, int64_t tap, const float* dy) {
    left.clear();
    right.clear();
    for (int64_t one = 0; one < images; one++) {
      for (int64_t row = 0; row < g.to_height; row++) {
        const int64_t read = row * g.down - g.above + tap;
        if (read < 0 || read >= g.height) continue;
        for (int64_t group = 0; group < band.groups; group++) {
          left.push_back(padded.at(one, read, group));
          right.push_back(dy + ((one * g.to_height + row) * band.groups + group) * band.width);
        }
      }
    }
  }

  std::vector<const float*> left, right;
};

template <int M>
void add_pairs(const Pairs& pairs, int64_t row, int64_t column, float* to, int64_t width) {
  V sums[M];
  to += row * width + column;
#pragma GCC unroll 6
  for (int i = 0; i < M; i++) sums[i] = load(to + i * width);
  for (size_t p = 0; p < pairs.left.size(); p++) {
    const float* const left = pairs.left[p] + row;
    const V values = load(pairs.right[p] + column);
#pragma GCC unroll 6
    for (int i = 0; i < M; i++) sums[i] += left[i] * values;
  }
#pragma GCC unroll 6
  for (int i = 0; i < M; i++) store(to + i * width, sums[i]);
}

template <int... I>
constexpr std::array<void (*)(const Pairs&, int64_t, int64_t, float*, int64_t), sizeof...(I)> adders(
    std::integer_sequence<int, I...>) {
  return {add_pairs<I + 1>...};
}
constexpr auto ADDERS = adders(std::make_integer_sequence<int, GROUPS>{});

// The size is the filter's.
void convolution_filter_gradient(Call& call, const Attributes&) {
  View x = call.input(0), dy = call.input(1), numbers = call.input(2);
  call.require(x.dims.size() == 4 && dy.dims.size() == 4 && x.dims[0] == dy.dims[0], "convolution: shapes differ");
  Geometry g{};
  if (!numbers_of(call, numbers, g, g.high, g.wide)) return;
  g.batch = x.dims[0];
  g.height = x.dims[1];
  g.width = x.dims[2];
  g.channels = x.dims[3];
  g.to_height = dy.dims[1];
  g.to_width = dy.dims[2];
  g.to_channels = dy.dims[3];
  View dfilter = call.output(0, {g.high, g.wide, g.channels, g.to_channels});
  if (!call.ok()) return;
  const Band band = g.forward();
  const int64_t depth = band.length * g.channels, image = g.height * g.width * g.channels,
                row_size = g.to_width * g.to_channels;
  const bool whole = band.columns == band.width && row_size == band.groups * band.columns;
  const int64_t each = std::max<int64_t>(1, IMAGES / std::max<int64_t>(1, image));
  std::vector<float> sums(static_cast<size_t>(g.high * depth * band.width));
  // rows of the filter and groups of their values: each thread fills the images in for itself, and sums some of these
  const int64_t groups = (depth + GROUPS - 1) / GROUPS, all = g.high * groups;
  const int64_t cuts = std::min(pool().worth(dy.size * depth * g.high), all);
  pool().run(cuts, [&](int64_t part) {
    const int64_t first = part * all / cuts, last = (part + 1) * all / cuts;
    Pairs pairs;
    for (int64_t begin = 0; begin < g.batch; begin += each) {
      const int64_t images = std::min(each, g.batch - begin), rows = images * g.to_height;
      Padded padded(g.height, g.width, g.channels, band);
      const int64_t gradients = whole ? 0 : rows * band.groups * band.width;
      Scratch scratch(padded.size(images) + gradients);
      float* const filled = scratch.take(gradients);
      padded.take(x.data + begin * image, images, scratch.take(padded.size(images)));
      const float* const from = dy.data + begin * g.to_height * row_size;
      for (int64_t row = 0; row < rows && !whole; row++) {
        for (int64_t group = 0; group < band.groups; group++) {
          const float* const values = from + row * row_size + group * band.columns;
          float* const to = filled + (row * band.groups + group) * band.width;
          float* const end = std::copy(values, values + std::min(band.columns, row_size - group * band.columns), to);
          std::fill(end, to + band.width, 0.0f);
        }
      }
      const float* const right = whole ? from : filled;
      for (int64_t one = first; one < last; one++) {
        const int64_t tap = one / groups, row = one % groups * GROUPS;
        if (one == first || row == 0) pairs.meet(g, band, padded, images, tap, right);
        const auto add = ADDERS[std::min<int64_t>(GROUPS, depth - row) - 1];
        for (int64_t column = 0; column < band.width; column += W)
          add(pairs, row, column, sums.data() + tap * depth * band.width, band.width);
      }
    }
  });
  float* to = dfilter.data;
  for (int64_t tap = 0; tap < g.high; tap++) {
    for (int64_t place = 0; place < g.wide; place++) {
      for (int64_t c = 0; c < g.channels; c++, to += g.to_channels) {
        std::fill(to, to + g.to_channels, 0.0f);
        for (int64_t pixel = 0; pixel < band.pixels; pixel++) {
          const float* const from = sums.data() +
                                    ((tap * band.length + place + pixel * g.right) * g.channels + c) * band.width +
                                    pixel * g.to_channels;
          for (int64_t o = 0; o < g.to_channels; o++) to[o] += from[o];
        }
      }
    }
  }
}

// Mean over the pixels of images [B, H, W, C], [B, C].
void pixel_mean(Call& call, const Attributes&) {
  View x = call.input(0);
  call.require(x.dims.size() == 4, "mean of pixels: images [B, H, W, C] are expected");
  if (!call.ok()) return;
  const int64_t batch = x.dims[0], pixels = x.dims[1] * x.dims[2], channels = x.dims[3];
  View y = call.output(0, {batch, channels});
  if (!call.ok()) return;
  const float share = 1.0f / static_cast<float>(pixels);
  by_rows(batch, pixels * channels, [&](int64_t begin, int64_t end) {
    for (int64_t one = begin; one < end; one++) {
      along(channels, [&](int64_t c, int n) {
        V total = {};
        for (int64_t pixel = 0; pixel < pixels; pixel++) total += LOAD(x.data + (one * pixels + pixel) * channels + c);
        STORE(y.data + one * channels + c, total * share);
      });
    }
  });
}

// Of dy [B, C], by images of the height and width that are the attributes.
void pixel_mean_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0);
  call.require(dy.dims.size() == 2, "mean of pixels: a gradient [B, C] is expected");
  if (!call.ok()) return;
  const int64_t batch = dy.dims[0], channels = dy.dims[1];
  const auto height = static_cast<int64_t>(attributes.first), width = static_cast<int64_t>(attributes.second);
  View dx = call.output(0, {batch, height, width, channels});
  if (!call.ok()) return;
  const int64_t pixels = height * width;
  const float share = 1.0f / static_cast<float>(pixels);
  by_rows(batch, pixels * channels, [&](int64_t begin, int64_t end) {
    for (int64_t one = begin; one < end; one++) {
      along(channels, [&](int64_t c, int n) {
        const V value = LOAD(dy.data + one * channels + c) * share;
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
          STORE(dx.data + (one * pixels + pixel) * channels + c, value);
        }
      });
    }
  });
}

}  // namespace
