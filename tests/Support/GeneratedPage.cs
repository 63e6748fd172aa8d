namespace Prisma.Tests;

/// <summary>Pages under docs that tests make: what is committed must be what they find.</summary>
internal static class GeneratedPage
{
    private const string Renew = "PRISMA_RENEW_DOCS";

    internal static void Check(string name, string page)
    {
        var path = Path.Combine(Fixture.Root, "docs", name);
        if (Environment.GetEnvironmentVariable(Renew) == "1") File.WriteAllText(path, page);
        Assert.True(File.Exists(path), $"docs/{name} is missing; {Renew}=1 writes it");
        Assert.True(page == File.ReadAllText(path), $"docs/{name} is not what the tests find now; {Renew}=1 writes it anew");
    }
}
