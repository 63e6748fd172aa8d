using System.Runtime.InteropServices;

namespace OpenCvSharp;

/// <summary>The C functions of prisma_cv. Each returns a status; <see cref="Check"/> turns it into an exception.</summary>
internal static unsafe partial class CvNative
{
    private const string Library = "prisma_cv";

    [StructLayout(LayoutKind.Sequential)]
    internal struct MatInfo
    {
        public int Rows, Cols, Type, Dims, Continuous, Submatrix;
        public long Step, Total;
        public nint Data;
    }

    internal static void Check(int status)
    {
        if (status == 0) return;
        byte* text, function, file;
        int code, line;
        LastError(&code, &line, &text, &function, &file);
        throw new OpenCVException((ErrorCode)code, Text(function), Text(text), Text(file), line);
    }

    private static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    [LibraryImport(Library, EntryPoint = "prisma_cv_last_error")]
    private static partial void LastError(int* code, int* line, byte** text, byte** function, byte** file);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_new")]
    internal static partial int MatNew(int rows, int cols, int type, out MatHandle mat);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_over")]
    internal static partial int MatOver(int rows, int cols, int type, nint data, long step, out MatHandle mat);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_part")]
    internal static partial int MatPart(MatHandle mat, int x, int y, int width, int height, out MatHandle part);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_free")]
    internal static partial void MatFree(nint mat);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_info")]
    internal static partial void MatRead(MatHandle mat, out MatInfo info);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_copy")]
    internal static partial int MatCopy(MatHandle from, MatHandle to);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_copy_masked")]
    internal static partial int MatCopyMasked(MatHandle from, MatHandle to, MatHandle mask);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_convert")]
    internal static partial int MatConvert(MatHandle from, MatHandle to, int type, double alpha, double beta);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_set")]
    internal static partial int MatSet(MatHandle mat, in Scalar value);

    [LibraryImport(Library, EntryPoint = "prisma_cv_mat_set_masked")]
    internal static partial int MatSetMasked(MatHandle mat, in Scalar value, MatHandle mask);

    [LibraryImport(Library, EntryPoint = "prisma_cv_imdecode")]
    internal static partial int ImDecode(ReadOnlySpan<byte> bytes, int length, int flags, out MatHandle mat);

    [LibraryImport(Library, EntryPoint = "prisma_cv_imread", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ImRead(string path, int flags, out MatHandle mat);

    [LibraryImport(Library, EntryPoint = "prisma_cv_imwrite", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ImWrite(string path, MatHandle mat, ReadOnlySpan<int> parameters, int count, out int done);

    [LibraryImport(Library, EntryPoint = "prisma_cv_imencode", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int ImEncode(
        string extension, MatHandle mat, ReadOnlySpan<int> parameters, int count, out nint bytes, out byte* data, out long length, out int done);

    [LibraryImport(Library, EntryPoint = "prisma_cv_bytes_free")]
    internal static partial void BytesFree(nint bytes);

    [LibraryImport(Library, EntryPoint = "prisma_cv_cvt_color")]
    internal static partial int CvtColor(MatHandle from, MatHandle to, int code, int channels);

    [LibraryImport(Library, EntryPoint = "prisma_cv_apply_color_map")]
    internal static partial int ApplyColorMap(MatHandle from, MatHandle to, int map);

    [LibraryImport(Library, EntryPoint = "prisma_cv_apply_color_table")]
    internal static partial int ApplyColorTable(MatHandle from, MatHandle to, MatHandle table);

    [LibraryImport(Library, EntryPoint = "prisma_cv_add_weighted")]
    internal static partial int AddWeighted(MatHandle a, double alpha, MatHandle b, double beta, double gamma, MatHandle to, int depth);

    [LibraryImport(Library, EntryPoint = "prisma_cv_resize")]
    internal static partial int Resize(MatHandle from, MatHandle to, int width, int height, double fx, double fy, int interpolation);

    [LibraryImport(Library, EntryPoint = "prisma_cv_text", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int PutText(
        MatHandle mat, string text, int x, int y, int face, double scale, in Scalar colour, int thickness, int lineType, int bottomLeft);

    [LibraryImport(Library, EntryPoint = "prisma_cv_text_size", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int TextSize(string text, int face, double scale, int thickness, out int width, out int height, out int baseline);

    [LibraryImport(Library, EntryPoint = "prisma_cv_rectangle")]
    internal static partial int Rectangle(
        MatHandle mat, int x, int y, int width, int height, in Scalar colour, int thickness, int lineType, int shift);

    [LibraryImport(Library, EntryPoint = "prisma_cv_line")]
    internal static partial int Line(MatHandle mat, int x1, int y1, int x2, int y2, in Scalar colour, int thickness, int lineType, int shift);

    [LibraryImport(Library, EntryPoint = "prisma_cv_circle")]
    internal static partial int Circle(MatHandle mat, int x, int y, int radius, in Scalar colour, int thickness, int lineType, int shift);

    [LibraryImport(Library, EntryPoint = "prisma_cv_polylines")]
    internal static partial int Polylines(
        MatHandle mat, ReadOnlySpan<Point> points, ReadOnlySpan<int> counts, int lists, int closed, in Scalar colour, int thickness, int lineType, int shift);

    [LibraryImport(Library, EntryPoint = "prisma_cv_fill_poly")]
    internal static partial int FillPoly(
        MatHandle mat, ReadOnlySpan<Point> points, ReadOnlySpan<int> counts, int lists, in Scalar colour, int lineType, int shift, int dx, int dy);

    [LibraryImport(Library, EntryPoint = "prisma_cv_draw_contours")]
    internal static partial int DrawContours(
        MatHandle mat, ReadOnlySpan<Point> points, ReadOnlySpan<int> counts, int lists, int index, in Scalar colour, int thickness, int lineType,
        ReadOnlySpan<int> hierarchy, int maxLevel, int dx, int dy);

    [LibraryImport(Library, EntryPoint = "prisma_cv_find_contours")]
    internal static partial int FindContours(
        MatHandle mat, int mode, int method, int dx, int dy, out nint found, out int lists, out long points);

    [LibraryImport(Library, EntryPoint = "prisma_cv_contours_read")]
    internal static partial void ContoursRead(nint found, Span<int> counts, Span<Point> points, Span<int> hierarchy);

    [LibraryImport(Library, EntryPoint = "prisma_cv_contours_free")]
    internal static partial void ContoursFree(nint found);
}
