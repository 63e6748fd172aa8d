// cv::Mat behind a handle, and the error that the last failing call of this thread left.
#include "abi.h"

#include <cstring>
#include <opencv2/core/utils/logger.hpp>
#include <string>

namespace prisma {
namespace {

struct Error {
    int code = 0, line = 0;
    std::string text, function, file;
};
thread_local Error last;

int silent(int, const char*, const char*, const char*, int, void*) { return 0; }

// OpenCV writes its errors and warnings to stderr; callers get them as exceptions instead.
struct Quiet {
    Quiet() {
        cv::redirectError(silent);
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    }
} quiet;

}  // namespace

void remember(int code, const char* what, const char* function, const char* file, int line) noexcept {
    try {
        last = Error{code, line, what, function, file};
    } catch (...) {
        last.code = cv::Error::StsNoMem;
    }
}

}  // namespace prisma

using prisma::guarded;

PRISMA_CV void prisma_cv_last_error(int* code, int* line, const char** text, const char** function, const char** file) {
    *code = prisma::last.code;
    *line = prisma::last.line;
    *text = prisma::last.text.c_str();
    *function = prisma::last.function.c_str();
    *file = prisma::last.file.c_str();
}

PRISMA_CV int prisma_cv_mat_new(int rows, int cols, int type, cv::Mat** out) {
    return guarded([&] { *out = rows < 0 ? new cv::Mat() : new cv::Mat(rows, cols, type); });
}

PRISMA_CV int prisma_cv_mat_over(int rows, int cols, int type, void* data, int64_t step, cv::Mat** out) {
    return guarded([&] {
        *out = new cv::Mat(rows, cols, type, data, step == 0 ? static_cast<size_t>(cv::Mat::AUTO_STEP) : static_cast<size_t>(step));
    });
}

PRISMA_CV int prisma_cv_mat_part(const cv::Mat* mat, int x, int y, int width, int height, cv::Mat** out) {
    return guarded([&] { *out = new cv::Mat(*mat, cv::Rect(x, y, width, height)); });
}

PRISMA_CV void prisma_cv_mat_free(cv::Mat* mat) { delete mat; }

struct PrismaMatInfo {
    int rows, cols, type, dims, continuous, submatrix;
    int64_t step, total;
    void* data;
};

PRISMA_CV void prisma_cv_mat_info(const cv::Mat* mat, PrismaMatInfo* out) {
    out->rows = mat->rows;
    out->cols = mat->cols;
    out->type = mat->type();
    out->dims = mat->dims;
    out->continuous = mat->isContinuous();
    out->submatrix = mat->isSubmatrix();
    out->step = mat->dims > 0 ? static_cast<int64_t>(mat->step[0]) : 0;
    out->total = static_cast<int64_t>(mat->total());
    out->data = mat->data;
}

PRISMA_CV int prisma_cv_mat_copy(const cv::Mat* from, cv::Mat* to) {
    return guarded([&] { from->copyTo(*to); });
}

PRISMA_CV int prisma_cv_mat_copy_masked(const cv::Mat* from, cv::Mat* to, const cv::Mat* mask) {
    return guarded([&] { from->copyTo(*to, *mask); });
}

PRISMA_CV int prisma_cv_mat_convert(const cv::Mat* from, cv::Mat* to, int type, double alpha, double beta) {
    return guarded([&] { from->convertTo(*to, type, alpha, beta); });
}

PRISMA_CV int prisma_cv_mat_set(cv::Mat* mat, const double* value) {
    return guarded([&] { mat->setTo(prisma::scalar(value)); });
}

PRISMA_CV int prisma_cv_mat_set_masked(cv::Mat* mat, const double* value, const cv::Mat* mask) {
    return guarded([&] { mat->setTo(prisma::scalar(value), *mask); });
}
