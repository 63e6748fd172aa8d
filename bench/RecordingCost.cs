namespace Prisma.Bench;

/// <summary>What keeping every residual stream (before, in the middle of and after each block) adds to a forward pass.</summary>
internal static class RecordingCost
{
    public static IEnumerable<Row> Run(Workload work)
    {
        using var model = work.Load();
        var both = Comparison.ByTurns(work.Rounds, () => Machine.Timed(model.Record), () => Machine.Timed(model.Forward));
        yield return Row.Of("forward keeping all residual streams / plain", both, limit: 1.05);
    }
}
