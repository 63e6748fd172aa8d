// Video files in and out.
#include <cstdlib>
#include <opencv2/videoio.hpp>
#include <vector>

#include "abi.h"

using prisma::guarded;

namespace {

// FFmpeg writes about damaged files to stderr; callers see from what is returned that a frame is missing.
struct QuietFfmpeg {
    QuietFfmpeg() {
#if defined(_WIN32)
        if (std::getenv("OPENCV_FFMPEG_LOGLEVEL") == nullptr) _putenv_s("OPENCV_FFMPEG_LOGLEVEL", "-8");
#else
        setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
#endif
    }
} quiet;

}  // namespace

PRISMA_CV int prisma_cv_capture_new(const char* path, int api, const int* parameters, int count, cv::VideoCapture** out) {
    return guarded([&] { *out = new cv::VideoCapture(path, api, std::vector<int>(parameters, parameters + count)); });
}

PRISMA_CV void prisma_cv_capture_free(cv::VideoCapture* capture) {
    guarded([&] { delete capture; });
}

PRISMA_CV int prisma_cv_capture_opened(const cv::VideoCapture* capture, int* opened) {
    return guarded([&] { *opened = capture->isOpened(); });
}

PRISMA_CV int prisma_cv_capture_release(cv::VideoCapture* capture) {
    return guarded([&] { capture->release(); });
}

PRISMA_CV int prisma_cv_capture_get(const cv::VideoCapture* capture, int property, double* value) {
    return guarded([&] { *value = capture->get(property); });
}

PRISMA_CV int prisma_cv_capture_set(cv::VideoCapture* capture, int property, double value, int* done) {
    return guarded([&] { *done = capture->set(property, value); });
}

PRISMA_CV int prisma_cv_capture_grab(cv::VideoCapture* capture, int* done) {
    return guarded([&] { *done = capture->grab(); });
}

PRISMA_CV int prisma_cv_capture_retrieve(cv::VideoCapture* capture, cv::Mat* image, int flag, int* done) {
    return guarded([&] { *done = capture->retrieve(*image, flag); });
}

PRISMA_CV int prisma_cv_capture_read(cv::VideoCapture* capture, cv::Mat* image, int* done) {
    return guarded([&] { *done = capture->read(*image); });
}

PRISMA_CV int prisma_cv_writer_new(const char* path, int api, int fourcc, double fps, int width, int height, int colour, cv::VideoWriter** out) {
    return guarded([&] { *out = new cv::VideoWriter(path, api, fourcc, fps, cv::Size(width, height), colour != 0); });
}

PRISMA_CV void prisma_cv_writer_free(cv::VideoWriter* writer) {
    guarded([&] { delete writer; });
}

PRISMA_CV int prisma_cv_writer_opened(const cv::VideoWriter* writer, int* opened) {
    return guarded([&] { *opened = writer->isOpened(); });
}

PRISMA_CV int prisma_cv_writer_release(cv::VideoWriter* writer) {
    return guarded([&] { writer->release(); });
}

PRISMA_CV int prisma_cv_writer_write(cv::VideoWriter* writer, const cv::Mat* image) {
    return guarded([&] { writer->write(*image); });
}
