using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>
/// A model whose answer is a sum over patches: logit c = Σ over pixels of x·w_c. Whatever an attribution method should give here can be
/// worked out by hand. 2×2 patches of 2 pixels, 1 channel, 2 classes; class 1 is class 0 negated. Another answer can be given in place of the sum.
/// </summary>
internal sealed class AdditiveModel : HookedModel
{
    internal static readonly float[] PixelWeights = [.. Enumerable.Range(0, 16).Select(k => (float)Math.Round(Math.Sin(3 * k + 1), 3))];
    private readonly HookPoint _stream;
    private readonly Func<Tensor, Tensor>? _answer;

    /// <param name="answer">From tokens [B, patch, pixel] to the logit of class 0, [B]; null: the sum.</param>
    internal AdditiveModel(Func<Tensor, Tensor>? answer = null) => (_answer, _stream) = (answer, BlockChild("block", 0, new Stream()).Place);

    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    protected override TokenLayout? Layout(ModelInput input) => TokenLayout.Picture(0, 2, 2, 2);

    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        using var scope = NewDisposeScope();
        var pixels = input["pixel_values"];
        // [B, 1, 2, 2, 2, 2] (row, y, column, x) to one token of four pixels per patch.
        var tokens = _stream.Pass(Patches(pixels), run);
        var logit = _answer is { } answer ? answer(tokens) : (tokens * Patches(tensor(PixelWeights, [1L, 1, 4, 4]))).sum([1L, 2L]);
        return new ModelOutput().With("logits", stack([logit, logit.neg()], 1).MoveToOuterDisposeScope());
    }

    internal static Tensor Patches(Tensor pixels) => pixels.reshape(-1, 2, 2, 2, 2).permute(0, 1, 3, 2, 4).reshape(-1, 4, 4);

    private sealed class Stream : Module
    {
        internal Stream() => Place = Point(Site.ResidPre);

        internal HookPoint Place { get; }
    }
}
