using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>A feature of a sparse coder as a target, so that every attribution method can explain what makes it fire.</summary>
public static class FeatureTarget
{
    /// <summary>The feature's activation, summed over the coder's tokens of a picture. Borrows the coder.</summary>
    /// <param name="coder">The coder.</param>
    /// <param name="model">The model that it belongs to; compared with it before anything runs.</param>
    /// <param name="input">An input of the kind that will be explained: it tells where the tokens lie.</param>
    /// <param name="feature">The feature's number.</param>
    /// <param name="options">Place and name checks, as for splicing.</param>
    /// <exception cref="PrismaException">Coder and model do not fit, or there is no such feature.</exception>
    public static Target Of(ISparseCoder coder, HookedModel model, ModelInput input, int feature, SpliceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(coder);
        var placement = CoderPlacement.Of(coder, model, input, options);
        if (feature < 0 || feature >= coder.Card.Features)
            throw new OptionsException($"There is no feature {feature} in {coder.Card.Name}: it has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
        return new PlaceTarget(placement.Reads, value =>
        {
            using var scope = NewDisposeScope();
            using var codes = coder.Encode(placement.Own(value));
            return codes.Column(feature).reshape(value.shape[0], -1).sum(1L).MoveToOuterDisposeScope();
        }, $"feature {feature} at {placement.Reads}");
    }
}
