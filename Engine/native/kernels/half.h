// Numbers of a tensor as single precision, and back: bfloat16 is the upper half of a float.
#pragma once

#include <cstdint>
#include <cstring>

namespace prisma {

inline float value_of(float value) { return value; }

inline float value_of(uint16_t half) {
    const uint32_t bits = static_cast<uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline void put(float* to, float value) { *to = value; }

// To nearest, ties to even; what is no number stays none.
inline void put(uint16_t* to, float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    *to = value != value ? uint16_t{0x7fc0} : static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace prisma
