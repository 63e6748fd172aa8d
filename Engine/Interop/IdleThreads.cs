using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>
/// Lets libtorch's threads (libgomp's) go to sleep soon after their work. They would turn for milliseconds waiting for more, meanwhile in the way of
/// OpenBLAS' own threads, which have every matrix product: a transformer's pass then takes twice as long.
/// </summary>
internal static partial class IdleThreads
{
    /// <summary>What libgomp reads when it is loaded; the number of looks for new work before a thread sleeps.</summary>
    internal const string Setting = "GOMP_SPINCOUNT", Looks = "1000";

    // libgomp reads its settings once, when libtorch is loaded: before anything of this assembly can have called it.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Shorten()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null) _ = SetUnlessSet(Setting, Looks, overwrite: 0);
    }

    /// <summary>What native libraries see.</summary>
    internal static string? InForce => Marshal.PtrToStringUTF8(Get(Setting));

    // The runtime's own variables are a copy that native libraries do not see.
    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetUnlessSet(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Get(string name);
}
