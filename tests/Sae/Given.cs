using Prisma.Sae;
using Prisma.Tests.Circuits;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>The worked example of the metrics: X [8, 4], its prediction and its codes [8, 6] are given by a formula, not by weights.</summary>
internal static class Given
{
    internal static Tensor X
    {
        get
        {
            using var scope = NewDisposeScope();
            var x = Tiny.G(8, 4, 0);
            x.select(1, 0).add_(.5);
            return x.MoveToOuterDisposeScope();
        }
    }

    internal static Tensor Prediction
    {
        get
        {
            using var scope = NewDisposeScope();
            return (X * .8 + Tiny.G(8, 4, 1) * .1).MoveToOuterDisposeScope();
        }
    }

    internal static Tensor Codes
    {
        get
        {
            using var scope = NewDisposeScope();
            return (Tiny.G(8, 6, 2) - .2).clamp_min(0).MoveToOuterDisposeScope();
        }
    }

    internal static ISparseCoder Worked() => new Made(4, 6, _ => Codes, _ => Prediction);

    /// <summary>A coder that does what it is told.</summary>
    internal static ISparseCoder Coder(int width, int features, Func<Tensor, Tensor> encode, Func<Tensor, Tensor> predict) => new Made(width, features, encode, predict);

    private sealed class Made(int width, int features, Func<Tensor, Tensor> encode, Func<Tensor, Tensor> predict) : ISparseCoder
    {
        public CoderCard Card { get; } = Toy.Card("given", width, features);

        public Tensor Directions => throw new NotSupportedException();

        public Tensor Detectors => throw new NotSupportedException();

        public Codes Encode(Tensor x) => new DenseCodes(encode(x));

        public Tensor Decode(Codes codes, Tensor x) => predict(x);

        public Tensor Shaped(Codes codes, Tensor x) => throw new NotSupportedException();

        public Tensor? Activations(Codes codes, Tensor x) => null;

        public Tensor DecodeAlone(Codes codes) => throw new NotSupportedException();

        public Tensor DecodeChange(Codes change, Tensor x) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
