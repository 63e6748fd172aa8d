// Decoding and encoding.
#include <opencv2/imgcodecs.hpp>
#include <vector>

#include "abi.h"

using prisma::guarded;

PRISMA_CV int prisma_cv_imdecode(const uint8_t* bytes, int length, int flags, cv::Mat** out) {
    return guarded([&] { *out = new cv::Mat(cv::imdecode(cv::Mat(1, length, CV_8UC1, const_cast<uint8_t*>(bytes)), flags)); });
}

PRISMA_CV int prisma_cv_imread(const char* path, int flags, cv::Mat** out) {
    return guarded([&] { *out = new cv::Mat(cv::imread(path, flags)); });
}

PRISMA_CV int prisma_cv_imwrite(const char* path, const cv::Mat* mat, const int* parameters, int count, int* done) {
    return guarded([&] { *done = cv::imwrite(path, *mat, std::vector<int>(parameters, parameters + count)); });
}

PRISMA_CV int prisma_cv_imencode(const char* extension, const cv::Mat* mat, const int* parameters, int count,
                                 std::vector<uint8_t>** out, const uint8_t** data, int64_t* length, int* done) {
    return guarded([&] {
        std::vector<uint8_t> bytes;
        *done = cv::imencode(extension, *mat, bytes, std::vector<int>(parameters, parameters + count));
        auto* kept = new std::vector<uint8_t>(std::move(bytes));
        *out = kept;
        *data = kept->data();
        *length = static_cast<int64_t>(kept->size());
    });
}

PRISMA_CV void prisma_cv_bytes_free(std::vector<uint8_t>* bytes) { delete bytes; }
