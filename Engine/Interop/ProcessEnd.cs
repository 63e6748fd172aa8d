using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>
/// Ends the process without running anything on the way out. An ordinary exit destroys libtorch's operators while other threads still call
/// them, which ends in a segmentation fault and a wrong exit code.
/// </summary>
internal static partial class ProcessEnd
{
    /// <summary>Does not return.</summary>
    internal static void Now(int exitCode)
    {
        if (OperatingSystem.IsWindows()) TerminateProcess(-1, (uint)exitCode);
        else Exit(exitCode);
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int exitCode);

    // -1 stands for the calling process.
    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool TerminateProcess(nint process, uint exitCode);
}
