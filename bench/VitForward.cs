using Prisma.Core;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>ViT-B/16, batch 8: our forward pass against a plain PyTorch one on the same libtorch, same weights, same pixels, same logits.</summary>
internal static class VitForward
{
    public static IEnumerable<Row> Run(Workload work, Rival rival)
    {
        rival.Ask("load", work.Folder);
        rival.Ask("input", work.PixelFile);
        using var model = work.Load();
        RequireSameLogits(model, rival);
        var both = Comparison.ByTurns(work.Rounds, () => Machine.Timed(model.Forward), () => rival.Seconds("forward"));
        yield return Row.Of($"ViT-B/16 forward, batch {Workload.Batch} / Python torch", both, limit: 1.0);
    }

    /// <summary>Refuses to compare times of two sides that compute different things.</summary>
    internal static void RequireSameLogits(Subject model, Rival rival)
    {
        using var scope = torch.NewDisposeScope();
        var ours = model.Logits().flatten().data<float>().ToArray();
        var theirs = rival.Ask("logits").EnumerateArray().Select(v => v.GetSingle()).ToArray();
        var worst = ours.Zip(theirs, (a, b) => Math.Abs(a - b)).Max();
        if (ours.Length != theirs.Length || !(worst <= 1e-3 * theirs.Max(Math.Abs)))
            throw new PrismaException($"The two sides compute different logits (largest difference {worst:0.0e+0}): their times cannot be compared.");
    }
}
