using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>A model that is one <see cref="VitStack"/>: pixel_values [B, C, H, W] in, what a family has on top out.</summary>
public abstract class VitModel : HookedModel
{
    private protected VitModel(VitStackConfig config) => Stack = Child("", new VitStack(config));

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    private protected VitStack Stack { get; }

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => Stack.LayoutOf(input["pixel_values"]);
}
