using TorchSharp;

namespace Prisma.Bench;

/// <summary>What one small operator costs here and in Python: the sum of two vectors of four floats, its result dropped at once.</summary>
internal static class CallOverhead
{
    private const int Calls = 200_000;

    public static IEnumerable<Row> Run(Rival rival)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        var a = torch.ones(4);
        var b = torch.ones(4);
        var both = Comparison.ByTurns(9, () => Machine.Timed(() => Repeat(a, b)), () => rival.Seconds("calls", $"{Calls}"));
        yield return Row.Of("operator call / Python torch", both, limit: 1.2, "ns", 1e9 / Calls);
    }

    private static void Repeat(torch.Tensor a, torch.Tensor b)
    {
        for (var i = 0; i < Calls; i++)
            a.add(b).Dispose();
    }
}
