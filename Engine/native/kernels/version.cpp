extern "C" __attribute__((visibility("default"))) int prisma_kernels_version() { return 1; }
