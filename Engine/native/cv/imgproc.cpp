// Colour, blending, resizing, drawing, contours.
#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "abi.h"

using prisma::guarded;
using prisma::scalar;

namespace {

using Lines = std::vector<std::vector<cv::Point>>;

// Point lists cross the boundary as one flat array of x, y and a length per list.
Lines lines_of(const int* xy, const int* counts, int lists) {
    Lines lines(lists);
    for (int i = 0; i < lists; ++i) {
        lines[i].reserve(counts[i]);
        for (int p = 0; p < counts[i]; ++p, xy += 2) lines[i].emplace_back(xy[0], xy[1]);
    }
    return lines;
}

}  // namespace

struct PrismaContours {
    Lines lines;
    std::vector<cv::Vec4i> hierarchy;
};

PRISMA_CV int prisma_cv_cvt_color(const cv::Mat* from, cv::Mat* to, int code, int channels) {
    return guarded([&] { cv::cvtColor(*from, *to, code, channels); });
}

PRISMA_CV int prisma_cv_apply_color_map(const cv::Mat* from, cv::Mat* to, int map) {
    return guarded([&] { cv::applyColorMap(*from, *to, map); });
}

PRISMA_CV int prisma_cv_apply_color_table(const cv::Mat* from, cv::Mat* to, const cv::Mat* table) {
    return guarded([&] { cv::applyColorMap(*from, *to, *table); });
}

PRISMA_CV int prisma_cv_add_weighted(const cv::Mat* a, double alpha, const cv::Mat* b, double beta, double gamma, cv::Mat* to, int depth) {
    return guarded([&] { cv::addWeighted(*a, alpha, *b, beta, gamma, *to, depth); });
}

PRISMA_CV int prisma_cv_resize(const cv::Mat* from, cv::Mat* to, int width, int height, double fx, double fy, int interpolation) {
    return guarded([&] { cv::resize(*from, *to, cv::Size(width, height), fx, fy, interpolation); });
}

PRISMA_CV int prisma_cv_text(cv::Mat* mat, const char* text, int x, int y, int face, double scale, const double* colour, int thickness,
                             int line_type, int bottom_left) {
    return guarded([&] { cv::putText(*mat, text, {x, y}, face, scale, scalar(colour), thickness, line_type, bottom_left != 0); });
}

PRISMA_CV int prisma_cv_text_size(const char* text, int face, double scale, int thickness, int* width, int* height, int* baseline) {
    return guarded([&] {
        const cv::Size size = cv::getTextSize(text, face, scale, thickness, baseline);
        *width = size.width;
        *height = size.height;
    });
}

PRISMA_CV int prisma_cv_rectangle(cv::Mat* mat, int x, int y, int width, int height, const double* colour, int thickness, int line_type,
                                  int shift) {
    return guarded([&] { cv::rectangle(*mat, cv::Rect(x, y, width, height), scalar(colour), thickness, line_type, shift); });
}

PRISMA_CV int prisma_cv_line(cv::Mat* mat, int x1, int y1, int x2, int y2, const double* colour, int thickness, int line_type, int shift) {
    return guarded([&] { cv::line(*mat, {x1, y1}, {x2, y2}, scalar(colour), thickness, line_type, shift); });
}

PRISMA_CV int prisma_cv_circle(cv::Mat* mat, int x, int y, int radius, const double* colour, int thickness, int line_type, int shift) {
    return guarded([&] { cv::circle(*mat, {x, y}, radius, scalar(colour), thickness, line_type, shift); });
}

PRISMA_CV int prisma_cv_polylines(cv::Mat* mat, const int* xy, const int* counts, int lists, int closed, const double* colour,
                                  int thickness, int line_type, int shift) {
    return guarded([&] { cv::polylines(*mat, lines_of(xy, counts, lists), closed != 0, scalar(colour), thickness, line_type, shift); });
}

PRISMA_CV int prisma_cv_fill_poly(cv::Mat* mat, const int* xy, const int* counts, int lists, const double* colour, int line_type,
                                  int shift, int dx, int dy) {
    return guarded([&] { cv::fillPoly(*mat, lines_of(xy, counts, lists), scalar(colour), line_type, shift, {dx, dy}); });
}

PRISMA_CV int prisma_cv_draw_contours(cv::Mat* mat, const int* xy, const int* counts, int lists, int index, const double* colour,
                                      int thickness, int line_type, const int* hierarchy, int max_level, int dx, int dy) {
    return guarded([&] {
        std::vector<cv::Vec4i> tree;
        if (hierarchy != nullptr)
            for (int i = 0; i < lists; ++i, hierarchy += 4) tree.emplace_back(hierarchy[0], hierarchy[1], hierarchy[2], hierarchy[3]);
        cv::drawContours(*mat, lines_of(xy, counts, lists), index, scalar(colour), thickness, line_type, tree, max_level, {dx, dy});
    });
}

PRISMA_CV int prisma_cv_find_contours(const cv::Mat* mat, int mode, int method, int dx, int dy, PrismaContours** out, int* lists,
                                      int64_t* points) {
    return guarded([&] {
        PrismaContours found;
        cv::findContours(*mat, found.lines, found.hierarchy, mode, method, {dx, dy});
        *points = 0;
        for (const auto& line : found.lines) *points += static_cast<int64_t>(line.size());
        *lists = static_cast<int>(found.lines.size());
        *out = new PrismaContours(std::move(found));
    });
}

PRISMA_CV void prisma_cv_contours_read(const PrismaContours* found, int* counts, int* xy, int* hierarchy) {
    for (size_t i = 0; i < found->lines.size(); ++i) {
        counts[i] = static_cast<int>(found->lines[i].size());
        for (const auto& p : found->lines[i]) {
            *xy++ = p.x;
            *xy++ = p.y;
        }
        for (int j = 0; j < 4; ++j) *hierarchy++ = found->hierarchy[i][j];
    }
}

PRISMA_CV void prisma_cv_contours_free(PrismaContours* found) { delete found; }
