// What a block of one token is made of. Declared once, so that the compiler holds those who call it to what it is.
#pragma once

#include <cstdint>

#include "platform.h"

PRISMA_EXPORT int prisma_matvec(const float* w, int64_t rows, int64_t width, const float* x, const float* bias, float* y, int kind, int threads);
PRISMA_EXPORT int prisma_matvec_bf16(const uint16_t* w, int64_t rows, int64_t width, const float* x, const float* bias, float* y, int kind, int threads);
PRISMA_EXPORT int prisma_attend_one(const void* q, const void* k, const void* v, void* keys, void* values, int64_t batch, int64_t heads, int64_t key_heads, int64_t width,
                                    int64_t before, int64_t room, float scale, float cap, int64_t window, int half, void* z, int threads);
