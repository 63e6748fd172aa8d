namespace Prisma.Tests;

/// <summary>Finds the committed fixture files from wherever the tests run.</summary>
internal static class Fixtures
{
    private static readonly string Root = FindRoot();

    /// <summary>The path of a file or folder under tests/fixtures; it fails where it is missing.</summary>
    public static string Find(string relative)
    {
        var path = Path.Combine(Root, relative);
        Assert.True(File.Exists(path) || Directory.Exists(path), $"fixture missing: {path}");
        return path;
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "tests", "fixtures");
            if (Directory.Exists(candidate)) return candidate;
        }

        throw new DirectoryNotFoundException($"No tests/fixtures above {AppContext.BaseDirectory}.");
    }
}
