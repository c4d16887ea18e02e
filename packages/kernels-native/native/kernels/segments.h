// Rows sorted by expert: offsets[e] to offsets[e + 1] belong to expert e.
#pragma once
#include "isa.h"

namespace moekit {
namespace MOEKIT_ISA {

struct Segments {
  const int32_t* offsets;
  int64_t experts;
  int64_t total;

  // Offsets of argument i for `rows` rows; an error unless they ascend from 0 on and end within them.
  Segments(const Args& args, int i, int64_t experts, int64_t rows) : offsets(args.ints(i, experts + 1)), experts(experts), total(rows) {
    for (int64_t e = 0, last = 0; e <= experts; last = offsets[e++]) {
      if (offsets[e] < last || offsets[e] > rows) Args::fail(i, "must ascend and end within the rows");
    }
  }

  int64_t start(int64_t e) const { return offsets[e]; }
  int64_t rows(int64_t e) const { return offsets[e + 1] - offsets[e]; }
  int64_t end() const { return offsets[experts]; }

  // body(expert, from, to) over pieces of [0, width) of every expert, on all threads: whole experts where there are enough of
  // them, else pieces of whole `unit`s. Pieces write to places of their own, so results do not depend on the cut.
  template <class F>
  void pieces(int64_t width, int64_t unit, const F& body) const {
    if (experts == 0 || width == 0) return;
    const int64_t perExpert = most(1, least(ceilDiv(width, unit), ceilDiv(8 * threads(), filled())));
    const int64_t step = ceilDiv(ceilDiv(width, perExpert), unit) * unit;
    const int64_t cuts = ceilDiv(width, step);
    parallel(experts * cuts, [&](int64_t i) { body(i / cuts, i % cuts * step, least(width, (i % cuts + 1) * step)); });
  }

  // body(expert, from, to) over pieces of `unit` rows of every expert, on all threads.
  template <class F>
  void rowPieces(int64_t unit, const F& body) const {
    int64_t count = 0;
    for (int64_t e = 0; e < experts; e++) count += ceilDiv(rows(e), unit);
    parallel(count, [&](int64_t piece) {
      int64_t e = 0;
      for (; piece >= ceilDiv(rows(e), unit); e++) piece -= ceilDiv(rows(e), unit);
      const int64_t from = start(e) + piece * unit;
      body(e, from, least(start(e) + rows(e), from + unit));
    });
  }

 private:
  // Experts that have rows; 1 at least.
  int64_t filled() const {
    int64_t count = 0;
    for (int64_t e = 0; e < experts; e++) count += rows(e) > 0;
    return most(1, count);
  }
};

}  // namespace MOEKIT_ISA
}  // namespace moekit
