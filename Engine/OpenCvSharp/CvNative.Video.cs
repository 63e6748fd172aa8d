using System.Runtime.InteropServices;

namespace OpenCvSharp;

internal static unsafe partial class CvNative
{
    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_new", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int CaptureNew(string path, int api, ReadOnlySpan<int> parameters, int count, out CaptureHandle capture);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_free")]
    internal static partial void CaptureFree(nint capture);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_opened")]
    internal static partial int CaptureOpened(CaptureHandle capture, out int opened);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_release")]
    internal static partial int CaptureRelease(CaptureHandle capture);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_get")]
    internal static partial int CaptureGet(CaptureHandle capture, int property, out double value);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_set")]
    internal static partial int CaptureSet(CaptureHandle capture, int property, double value, out int done);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_grab")]
    internal static partial int CaptureGrab(CaptureHandle capture, out int done);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_retrieve")]
    internal static partial int CaptureRetrieve(CaptureHandle capture, MatHandle image, int flag, out int done);

    [LibraryImport(Library, EntryPoint = "prisma_cv_capture_read")]
    internal static partial int CaptureRead(CaptureHandle capture, MatHandle image, out int done);

    [LibraryImport(Library, EntryPoint = "prisma_cv_writer_new", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int WriterNew(string path, int api, int fourcc, double fps, int width, int height, int colour, out WriterHandle writer);

    [LibraryImport(Library, EntryPoint = "prisma_cv_writer_free")]
    internal static partial void WriterFree(nint writer);

    [LibraryImport(Library, EntryPoint = "prisma_cv_writer_opened")]
    internal static partial int WriterOpened(WriterHandle writer, out int opened);

    [LibraryImport(Library, EntryPoint = "prisma_cv_writer_release")]
    internal static partial int WriterRelease(WriterHandle writer);

    [LibraryImport(Library, EntryPoint = "prisma_cv_writer_write")]
    internal static partial int WriterWrite(WriterHandle writer, MatHandle image);
}
