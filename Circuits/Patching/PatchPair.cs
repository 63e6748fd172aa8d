using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The unchanged passes of a clean and a corrupted batch, with a target settled on the clean one. Owns both recordings.</summary>
internal sealed class PatchPair : IDisposable
{
    private PatchPair(Recording clean, Recording corrupt, Settled settled, PatchOptions options) => (Clean, Corrupt, Settled, Options) = (clean, corrupt, settled, options);

    internal Recording Clean { get; }

    internal Recording Corrupt { get; }

    internal Settled Settled { get; }

    internal PatchOptions Options { get; }

    internal static PatchPair Record(HookedModel model, ModelInput clean, ModelInput corrupt, Target? target, HookSite[] sites, PatchOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(clean);
        ArgumentNullException.ThrowIfNull(corrupt);
        options ??= new PatchOptions();
        target ??= new ChosenClass(model.Card.Labels);
        CheckShapes(clean, corrupt);
        var plan = PatchRunner.Ask(model, target.Ask(HookPlan.Empty.Keep(sites)), options);
        var first = model.Run(clean, plan);
        try
        {
            using var scores = target.Of(first);
            return new PatchPair(first, model.Run(corrupt, plan), new Settled(target, first, (int)scores.shape[0]), options);
        }
        catch
        {
            first.Dispose();
            throw;
        }
    }

    /// <summary>The target of each example.</summary>
    internal double[] Scores(Recording recording) => [.. Numbers.Of(Settled.Of(recording)).Select(value => (double)value)];

    public void Dispose()
    {
        Clean.Dispose();
        Corrupt.Dispose();
    }

    internal static void CheckShapes(ModelInput clean, ModelInput corrupt)
    {
        foreach (var (name, tensor) in clean)
            if (!corrupt.Has(name) || !corrupt[name].shape.AsSpan().SequenceEqual(tensor.shape))
                throw new OptionsException($"A clean example needs a corrupted one of the same shape: '{name}' is [{string.Join(", ", tensor.shape)}] and "
                    + (corrupt.Has(name) ? $"[{string.Join(", ", corrupt[name].shape)}]." : "missing."));
    }
}
