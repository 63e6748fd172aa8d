namespace Prisma.Tests;

public sealed class SignatureTests
{
    public static TheoryData<string> Libraries => [StandIn.TorchSharp.Space, StandIn.OpenCvSharp.Space];

    [Theory, MemberData(nameof(Libraries))]
    public void What_the_engine_offers_is_what_the_list_says(string library)
    {
        var standIn = Of(library);
        var offered = PublicSurface.Of(standIn.InUse, standIn.Space, inherited: !standIn.IsOurs);
        var list = standIn.ReadList();
        Assert.NotEmpty(list);

        var missing = list.Where(line => !offered.Contains(line)).ToList();
        var unlisted = standIn.IsOurs ? offered.Except(list).ToList() : [];
        Assert.True(missing.Count + unlisted.Count == 0, $"{standIn.List}: {unlisted.Count} members of the engine are not in the list"
            + $" (a signature that {library} has not, or a list not renewed) and {missing.Count} of the list are not in the engine:"
            + Lines("+ ", unlisted) + Lines("- ", missing));
    }

    [RealLibraryTheory, MemberData(nameof(Libraries))]
    public void What_the_engine_offers_stands_in_the_real_library(string library)
    {
        var standIn = Of(library);
        var real = PublicSurface.Of(standIn.LoadReal(), standIn.Space, inherited: true);
        var offered = PublicSurface.Of(standIn.InUse, standIn.Space, inherited: !standIn.IsOurs);
        if (standIn.IsOurs && Environment.GetEnvironmentVariable(RealLibraryTheoryAttribute.Renew) == "1")
            standIn.WriteList(offered.Where(real.Contains));

        var strange = offered.Except(real).ToList();
        Assert.True(strange.Count == 0, $"{strange.Count} members of the engine are not {library}'s:"
            + string.Concat(strange.Select(line => Lines("+ ", [line]) + Lines("    real: ", Namesakes(line, real)))));
        Assert.Subset(real, standIn.ReadList().ToHashSet());
    }

    [Fact]
    public void A_signature_is_written_with_types_names_order_defaults_and_nesting()
    {
        var lines = PublicSurface.Of(typeof(SignatureSample).Assembly, typeof(SignatureSample).Namespace!, inherited: true);

        Assert.Contains("class SignatureSample.Inner", lines);
        Assert.Contains("SignatureSample.Inner : IDisposable", lines);
        Assert.Contains("new SignatureSample.Inner(long count = 3)", lines);
        Assert.Contains("SignatureSample.Inner.Size { get } : long?", lines);
        Assert.DoesNotContain("SignatureSample.Inner.Size { set } : long?", lines);
        Assert.Contains("static SignatureSample.Take(ReadOnlySpan<int> ids, (double left, string) pair, SignatureSample.Colour colour = Red,"
            + " float? scale = null, string name = \"x\") -> (int a, int b)", lines);
        Assert.Contains("enum SignatureSample.Colour : byte", lines);
        Assert.Contains("SignatureSample.Colour.Red = 2", lines);
        Assert.Contains("static SignatureSample.Many<T>(params T[] items) -> T where T : struct", lines);
        Assert.Contains("static SignatureSample.Twice(this int value, ref int by) -> int", lines);
    }

    private static StandIn Of(string library) => library == StandIn.TorchSharp.Space ? StandIn.TorchSharp : StandIn.OpenCvSharp;

    private static string Lines(string mark, IEnumerable<string> lines) => string.Concat(lines.Select(line => $"\n{mark}{line}"));

    private static IEnumerable<string> Namesakes(string line, IEnumerable<string> real) => real
        .Where(r => Name(r) == Name(line))
        .OrderByDescending(r => Words(r).Intersect(Words(line)).Count())
        .ThenBy(r => r.Length)
        .Take(3);

    private static string[] Words(string line) => line.Split(['(', ' ', ',', ')'], StringSplitOptions.RemoveEmptyEntries);

    private static string Name(string line) => line.Replace("static ", "").Split('(', ' ', '<', '[')[0];
}
