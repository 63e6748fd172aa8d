namespace Prisma.Tests;

/// <summary>Pages under docs that tests make: what is committed must be what they find.</summary>
internal static class GeneratedPage
{
    private const string Renew = "PRISMA_RENEW_DOCS";

    internal static void Check(string name, string page) => Check(name, page, text => text);

    /// <summary>The same of the parts of a page that must be equal; gives the committed page.</summary>
    internal static string Check(string name, string page, Func<string, string> compared)
    {
        var path = PathOf(name);
        if (Environment.GetEnvironmentVariable(Renew) == "1") File.WriteAllText(path, page);
        Assert.True(File.Exists(path), $"docs/{name} is missing; {Renew}=1 writes it");
        var written = File.ReadAllText(path);
        Assert.True(compared(page) == compared(written), $"docs/{name} is not what the tests find now; {Renew}=1 writes it anew");
        return written;
    }

    /// <summary>The committed page; empty where there is none yet.</summary>
    internal static string Read(string name) => File.Exists(PathOf(name)) ? File.ReadAllText(PathOf(name)) : "";

    private static string PathOf(string name) => Path.Combine(Fixture.Root, "docs", name);
}
