using System.Runtime.CompilerServices;

namespace Prisma.Tests;

/// <summary>Paths of the repository and its fixtures, found from this source file upwards.</summary>
internal static class Fixture
{
    internal static string Root { get; } = FindRoot();

    internal static string Path(string relative) => System.IO.Path.Combine(Root, "tests", "fixtures", relative);

    private static string FindRoot([CallerFilePath] string from = "")
    {
        var starts = new[] { AppContext.BaseDirectory, System.IO.Path.GetDirectoryName(from)! };
        foreach (var start in starts)
            for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
                if (File.Exists(System.IO.Path.Combine(folder.FullName, "Prisma.Net.sln"))) return folder.FullName;
        throw new DirectoryNotFoundException("Prisma.Net.sln was not found above the tests.");
    }
}
