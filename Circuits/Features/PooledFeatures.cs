using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>One row of features for each example of a batch: its codes pooled over the tokens that the coder sees.</summary>
public static class PooledFeatures
{
    /// <summary>[B, F]. The caller (or its scope) disposes it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="coder">A coder of one of its places. Borrowed.</param>
    /// <param name="input">The batch. Borrowed.</param>
    /// <param name="pooling">How tokens become one row.</param>
    /// <param name="splice">Place and name checks.</param>
    /// <exception cref="PrismaException">Coder and model do not fit.</exception>
    public static Tensor Of(HookedModel model, ISparseCoder coder, ModelInput input, Pooling pooling, SpliceOptions? splice = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var placement = CoderPlacement.Of(coder, model, input, splice);
        using var recording = model.Run(input, HookPlan.Empty.Keep(placement.Reads).StopAfter(placement.Reads));
        var own = placement.Own(recording.Cache[placement.Reads]);
        using var codes = coder.Encode(own);
        return FeaturePooling.Of(codes, (int)(codes.Rows / own.shape[0]), pooling).MoveToOuterDisposeScope();
    }
}
