// Bounds within which approximate products lie, and the exact products behind them.
#pragma once

#include <cstdint>

// |exact − approximate| ≤ row_lengths[r]·deltas[f] + row_deltas[r]·lengths[f] for every product of a row of x with a row of w, where the exact one
// is computed in single precision in any order. Approximate products and bounds come from screen.cpp.
struct prisma_screen {
    const float* x;
    const float* w;
    int64_t width;
    const float* row_lengths;
    const float* row_deltas;
    const float* lengths;
    const float* deltas;
    int64_t* examined;  // entries that had to be computed exactly are added
    int64_t most;       // a selection that would compute more gives up with kTooOpen, whichever thread comes to it
};
